"""Quantizes `bert` and asks ONNX Runtime for the quantized model's answers on every row that models are judged on."""

import hashlib
import multiprocessing
import os
import time
from pathlib import Path

import numpy as np

from bert import pieces, weights
from bert.graph import graph
from corpus import rows
from evaluation import predictions
from runtime import Reference
from settings import Settings

CHUNK = 64


def run(settings: Settings) -> dict:
    """Writes the graph beside the weights of every training, not calibrated yet; returns the size of the one that ships."""
    for fit in (*weights.cross_fits(settings), weights.SHIPS):
        arrays = weights.load(settings, fit)
        labels = len(arrays["head.bias"])
        model = graph(arrays, np.ones(labels), np.zeros(labels), settings["bert"]["max_pieces"])
        _plain(settings, fit).write_bytes(model)
        print(f"{fit.name}: {len(model)} bytes of ONNX")
    return {"bytes": len(model)}


def predict(settings: Settings) -> dict:
    """Writes the predictions of `encoder`, for every set that has rows which are not trained on; sets that are done, by the same
    models from the same pieces, are left.

    Held-out rows are judged by the graph that ships, rows of a fold by that of the training which did not see the fold. Rows
    that are trained on get NaN.
    """
    fits = [weights.SHIPS, *weights.cross_fits(settings)]
    models = [_plain(settings, fit).read_bytes() for fit in fits]
    biases = [weights.load(settings, fit)["head.bias"] for fit in fits]
    judge = {part: number for number, fit in enumerate(fits) for part in fit.without} | {"held_out": 0}
    most, done = settings["bert"]["max_pieces"], 0
    workers = min(os.cpu_count() or 1, 8)
    with multiprocessing.get_context("fork").Pool(workers, _start, (models, biases)) as pool:
        for path in sorted((settings.work / "rows").glob("*.jsonl")):
            parts = rows.read(path).parts()
            judged = np.flatnonzero(parts != "train")
            stored, begun = pieces.read(settings.pieces(path.stem)), time.monotonic()
            framed = [(judge[parts[at]], pieces.framed(stored[at], most)) for at in judged]
            made_by = hashlib.sha256(b"".join(models[number] for number in sorted({number for number, _ in framed})))
            made_by.update(b"".join(row.tobytes() for _, row in framed))
            made_by = made_by.hexdigest()
            if not framed or predictions.current(settings, "encoder", path.stem, made_by, len(parts)):
                continue
            logits = np.full((len(parts), len(biases[0])), np.nan, np.float32)
            logits[judged] = list(pool.imap(_logits, framed, chunksize=CHUNK))
            predictions.write(settings, "encoder", path.stem, logits, made_by)
            seconds = time.monotonic() - begun
            print(f"{path.stem}: {len(judged)} rows, {seconds:.0f} s", flush=True)
            done += len(judged)
    return {"rows": done}


_shared: dict = {}


def _plain(settings: Settings, fit: weights.Fit) -> Path:
    return weights.path(settings, fit).with_suffix(".onnx")


def _start(models: list[bytes], biases: list[np.ndarray]) -> None:
    _shared.update(references=[Reference(model) for model in models], biases=biases)


def _logits(row: tuple[int, np.ndarray]) -> np.ndarray:
    # Not from the probabilities: near 0 and 1 these are too coarse.
    number, ids = row
    return _shared["references"][number].contributions(ids).sum(axis=0, dtype=np.float64) + _shared["biases"][number]
