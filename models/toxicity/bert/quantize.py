"""Quantizes `bert` and asks ONNX Runtime for the quantized model's answers on every row that models are judged on."""

import hashlib
import multiprocessing
import os
import time

import numpy as np

from bert import pieces, weights
from bert.graph import graph
from corpus import rows
from evaluation import predictions
from runtime import Reference
from settings import Settings

CHUNK = 64


def run(settings: Settings) -> dict:
    """Writes `bert/plain.onnx`, not calibrated yet; returns its size."""
    arrays = weights.load(settings)
    labels = len(arrays["head.bias"])
    model = graph(arrays, np.ones(labels), np.zeros(labels), settings["bert"]["max_pieces"])
    (settings.work / "bert" / "plain.onnx").write_bytes(model)
    print(f"{len(model)} bytes of ONNX")
    return {"bytes": len(model)}


def predict(settings: Settings) -> dict:
    """Writes the predictions of `encoder`, for every set that has rows which are not trained on; sets that are done, by the same
    model from the same pieces, are left.

    Rows that are trained on get NaN.
    """
    model = (settings.work / "bert" / "plain.onnx").read_bytes()
    bias = weights.load(settings)["head.bias"]
    most, done = settings["bert"]["max_pieces"], 0
    workers = min(os.cpu_count() or 1, 8)
    with multiprocessing.get_context("fork").Pool(workers, _start, (model, bias)) as pool:
        for path in sorted((settings.work / "rows").glob("*.jsonl")):
            parts = rows.read(path).parts()
            judged = np.flatnonzero(parts != "train")
            stored, begun = pieces.read(settings.pieces(path.stem)), time.monotonic()
            framed = [pieces.framed(stored[at], most) for at in judged]
            made_by = hashlib.sha256(model + b"".join(row.tobytes() for row in framed)).hexdigest()
            if not framed or predictions.current(settings, "encoder", path.stem, made_by, len(parts)):
                continue
            logits = np.full((len(parts), len(bias)), np.nan, np.float32)
            logits[judged] = list(pool.imap(_logits, framed, chunksize=CHUNK))
            predictions.write(settings, "encoder", path.stem, logits, made_by)
            seconds = time.monotonic() - begun
            print(f"{path.stem}: {len(judged)} rows, {seconds:.0f} s", flush=True)
            done += len(judged)
    return {"rows": done}


_shared: dict = {}


def _start(model: bytes, bias: np.ndarray) -> None:
    _shared.update(reference=Reference(model), bias=bias)


def _logits(ids: np.ndarray) -> np.ndarray:
    # Not from the probabilities: near 0 and 1 these are too coarse.
    return _shared["reference"].contributions(ids).sum(axis=0, dtype=np.float64) + _shared["bias"]
