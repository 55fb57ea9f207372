"""How far `bert`, as the daemon answers it, is from ONNX Runtime on the same files: scores and ROC-AUC on held-out tweets.

    python models/toxicity/agreement.py --tamis target/release/tamis [--rows 1000]

It asks a daemon that it starts, and computes the same in Python: ONNX Runtime on `bert.onnx` and `simple.onnx`, blended by
the shares of `bert.toml`. The texts are those of Davidson et al. 2017, which the pipeline has put into `work/rows`.
"""

import argparse
import http.client
import json
import socket
import subprocess
import time
import tomllib
from pathlib import Path

import numpy as np
import onnx

from bert import pieces
from corpus import rows
from corpus.rows import LABELS, TOXIC
from evaluation import metrics
from evaluation.predictions import logit, sigmoid
from runtime import Reference
from settings import HERE, Settings
from simple import features


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tamis", type=Path, required=True, help="the daemon's binary")
    parser.add_argument("--work", type=Path, default=HERE / "work", help="where the pipeline put the rows")
    parser.add_argument("--rows", type=int, default=1000, help="how many, spread over the set")
    arguments = parser.parse_args()
    settings = Settings(arguments.work, arguments.tamis.resolve(strict=True), smoke=False)
    found = rows.read(settings.rows("davidson"))
    chosen = np.linspace(0, len(found) - 1, min(arguments.rows, len(found))).astype(int)
    texts, toxic = [found.texts[at] for at in chosen], found.labels[chosen, TOXIC]
    file = (HERE / "bert.onnx").read_bytes()
    judged = by_onnx_runtime(settings, texts, file)
    others = {
        "tamis": by_daemon(settings.tamis, texts),
        "onnxruntime, gains off by 1e-7": by_onnx_runtime(settings, texts, perturbed(file, 1e-7)),
    }
    scored = ~np.isnan(judged).any(axis=1) & ~np.isnan(others["tamis"]).any(axis=1)

    def auc(probabilities: np.ndarray) -> float:
        return round(metrics.roc_auc(probabilities[scored][:, TOXIC], toxic[scored]), 5)

    report = {"rows": int(scored.sum()), "onnxruntime": {"roc_auc_of_toxic": auc(judged)}}
    for name, found in others.items():
        report[name] = distance(np.abs(judged - found)[scored]) | {"roc_auc_of_toxic": auc(found)}
    print(json.dumps(report, indent=2))


def distance(apart: np.ndarray) -> dict:
    """What is to be said of how far probabilities [texts, 6] are apart."""
    return {
        "largest": round(float(apart.max()), 5),
        "largest_of_toxic": round(float(apart[:, TOXIC].max()), 5),
        "99.9 % of all within": round(float(np.quantile(apart, 0.999)), 5),
        "99 % of all within": round(float(np.quantile(apart, 0.99)), 5),
        "mean": round(float(apart.mean()), 6),
        "rows_over_0.005": int((apart > 0.005).any(axis=1).sum()),
    }


def perturbed(file: bytes, share: float) -> bytes:
    """The model with each gain of its layer norms off by about that `share` of itself, always the same way."""
    model, generator = onnx.load_from_string(file), np.random.default_rng(0)
    gains = {node.input[1] for node in model.graph.node if node.op_type == "LayerNormalization"}
    for tensor in model.graph.initializer:
        if tensor.name in gains:
            gain = onnx.numpy_helper.to_array(tensor)
            off = gain * (1 + share * generator.standard_normal(gain.shape))
            tensor.CopyFrom(onnx.numpy_helper.from_array(off.astype(np.float32), tensor.name))
    return model.SerializeToString()


def by_onnx_runtime(settings: Settings, texts: list[str], file: bytes) -> np.ndarray:
    """Probabilities [texts, 6] by `bert` as in `file`; NaN where nothing is left to score."""
    manifest = tomllib.loads((HERE / "bert.toml").read_text())
    encoder, simple = Reference(file), Reference((HERE / "simple.onnx").read_bytes())
    out = np.full((len(texts), len(LABELS)), np.nan)
    ids = zip(pieces.cut(settings, texts), features.ids(settings.tamis, texts), strict=True)
    for at, (cut, ngrams) in enumerate(ids):
        if len(cut) and len(ngrams):
            own = encoder.probabilities(pieces.framed(cut, manifest["input"]["max_pieces"])).astype(float)
            share = np.array(manifest["blend"]["shares"])
            out[at] = sigmoid(logit(own) + share * logit(simple.probabilities(ngrams).astype(float)))
    return out


def by_daemon(tamis: Path, texts: list[str]) -> np.ndarray:
    """The same, over HTTP."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    daemon = subprocess.Popen([tamis, "--listen", f"127.0.0.1:{port}"], stderr=subprocess.DEVNULL)
    try:
        out = np.full((len(texts), len(LABELS)), np.nan)
        for at, text in enumerate(texts):
            status, answer = ask(port, {"text": text, "model": "bert"})
            if status == 200:
                out[at] = [answer["labels"][label] for label in LABELS]
            elif status != 422:
                raise RuntimeError(f"row {at}: {status} {answer}")
        return out
    finally:
        daemon.terminate()
        daemon.wait()


def ask(port: int, body: dict) -> tuple[int, dict]:
    """The answer, once there is one: the daemon starts, then loads `bert`."""
    deadline = time.monotonic() + 30
    while True:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            connection.request("POST", "/analyze", json.dumps(body), {"Content-Type": "application/json"})
            response = connection.getresponse()
            status, answer = response.status, json.loads(response.read())
        except OSError:
            status, answer = 0, {}
        if status not in (0, 503) or time.monotonic() > deadline:
            return status, answer
        time.sleep(0.05)


if __name__ == "__main__":
    main()
