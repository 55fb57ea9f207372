"""Trains, evaluates and exports the toxicity model `simple`.

    python models/toxicity/train.py --data DIR --tamis target/release/tamis [--out models/toxicity]
    python models/toxicity/train.py --smoke --tamis target/debug/tamis

The same data, binary and library versions give the same files.
"""

import argparse
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from sklearn.metrics import roc_auc_score

import calibrate
import data
import export
import features
import model
import sentences

FOLDS = 5
GOLDEN_DATA_ROWS = 160
GOLDEN_IDS = 250
TOLERANCE = 1e-5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="directory that holds the data files named in data.py")
    parser.add_argument("--tamis", type=Path, required=True, help="the daemon's binary, which cuts the features")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="where the model's files go")
    parser.add_argument("--workers", type=int, default=2, help="labels fitted at a time")
    parser.add_argument("--smoke", action="store_true", help="synthetic rows, a temporary directory, checks only")
    arguments = parser.parse_args()
    tamis = arguments.tamis.resolve(strict=True)
    if arguments.smoke:
        with tempfile.TemporaryDirectory() as directory:
            metrics = run(data.synthetic(), tamis, Path(directory), arguments.workers)
        if metrics["mean_roc_auc"] < 0.99:
            raise RuntimeError("the synthetic labels, each marked by a word of its own, were not learnt")
    elif arguments.data is None:
        parser.error("--data or --smoke is needed")
    else:
        run(data.load(arguments.data), tamis, arguments.out, arguments.workers)


def run(rows: data.Data, tamis: Path, out: Path, workers: int) -> dict:
    """The whole pipeline; raises if the files that it wrote do not answer as the model does. Returns the metrics."""
    natural_ids = features.ids(tamis, rows.natural.texts)
    natural, extra = features.matrix(natural_ids), features.matrix(features.ids(tamis, rows.extra.texts))
    labels = rows.natural.labels
    say(f"{natural.shape[0]} natural rows, {extra.shape[0]} extra rows, {rows.dropped} repeated rows dropped")

    fold = np.arange(natural.shape[0]) % FOLDS
    logits = np.empty((natural.shape[0], model.COUNT))
    for held_out in range(FOLDS):
        test = fold == held_out
        bag = model.train(sp.vstack([extra, natural[~test]]).tocsr(), np.vstack([rows.extra.labels, labels[~test]]), workers)
        logits[test] = bag.logits(natural[test])
        auc = [roc_auc_score(labels[test][:, at], logits[test][:, at]) for at in range(model.COUNT)]
        say(f"fold {held_out + 1}/{FOLDS}: mean ROC-AUC {np.mean(auc):.5f}")

    probabilities = calibrate.cross_calibrated(logits, labels, fold)
    score, toxic = np.rint(probabilities[:, 0] * 100), labels[:, 0]
    levels = calibrate.cut_points(score, toxic)
    metrics = {
        "rows": int(natural.shape[0]),
        "method": f"{FOLDS}-fold cross-validation of the quantized model on rows with natural label rates",
        **calibrate.per_label(logits, labels),
        "toxic_expected_calibration_error": round(calibrate.expected_calibration_error(probabilities[:, 0], toxic), 5),
        "medium_or_high": calibrate.precision_recall(score, toxic, levels[0]),
        "high": calibrate.precision_recall(score, toxic, levels[1]),
    }
    say(str(metrics))

    bag = model.train(sp.vstack([extra, natural]).tocsr(), np.vstack([rows.extra.labels, labels]), workers)
    bag = bag.calibrated(*calibrate.platt(logits, labels))
    metrics["elsewhere"] = {name: elsewhere(bag, tamis, other, levels[1]) for name, other in rows.elsewhere.items()}
    for name, found in metrics["elsewhere"].items():
        say(f"{name}: {found}")
    report_sentences(bag, tamis)

    graph = export.graph(bag)
    if graph != export.graph(bag):
        raise RuntimeError("two exports of one model differ")
    reference = export.Reference(graph)
    check(reference, bag, natural_ids)
    shown = list(zip(sentences.GOLDEN, features.ids(tamis, sentences.GOLDEN), strict=True))
    training = {
        "rows": int(extra.shape[0] + natural.shape[0]),
        "files_sha256": rows.files,
        "form": f"logistic regression, C={model.C}, inverse document frequency; int8 embedding bag",
        "libraries": {name: version(name) for name in ("numpy", "onnx", "onnxruntime", "scikit-learn", "scipy")},
    }
    manifest = export.manifest(graph, levels, metrics, training)
    export.write(out, graph, manifest, export.golden(reference, shown, unshown(natural_ids, logits[:, 0])))
    say(f"levels: medium from {levels[0]}, high from {levels[1]}; {len(graph)} bytes of ONNX written")
    return metrics


def elsewhere(bag: model.Bag, tamis: Path, rows: data.Rows, high: int) -> dict:
    """How the model does on a set that it was not trained on: `toxic` as a ranking, and who is called high."""
    probabilities = bag.probabilities(features.matrix(features.ids(tamis, rows.texts)))[:, 0]
    toxic = rows.labels[:, 0]
    flagged = np.rint(probabilities * 100) >= high
    return {
        "rows": len(toxic),
        "toxic_roc_auc": round(float(roc_auc_score(toxic, probabilities)), 4),
        "high_of_toxic": round(float(flagged[toxic > 0].mean()), 4),
        "high_of_others": round(float(flagged[toxic == 0].mean()), 4),
    }


def unshown(ids: list[np.ndarray], logits: np.ndarray) -> list[np.ndarray]:
    """Ids of data rows, from the least to the most toxic score, without long rows."""
    short = [row for row in np.argsort(logits, kind="stable") if 0 < len(ids[row]) <= GOLDEN_IDS]
    chosen = np.linspace(0, len(short) - 1, min(GOLDEN_DATA_ROWS, len(short))).astype(int)
    return [ids[short[at]] for at in chosen]


def check(reference: export.Reference, bag: model.Bag, ids: list[np.ndarray]) -> None:
    """Holds ONNX Runtime on the exported bytes to the forward pass in double precision."""
    rows = [row for row in ids[:2000] if len(row)]
    found = np.stack([reference.probabilities(row) for row in rows])
    error = float(np.abs(found - bag.probabilities(features.matrix(rows))).max())
    say(f"ONNX Runtime against double precision on {len(rows)} rows: largest difference {error:.1e}")
    if not error <= TOLERANCE:
        raise RuntimeError(f"the exported model is off by {error}")


def report_sentences(bag: model.Bag, tamis: Path) -> None:
    """Shows what the model makes of sentences that it was not trained on."""
    texts = [sentences.LOW, sentences.HIGH, *(text for text, _ in sentences.FRENCH)]
    probabilities = bag.probabilities(features.matrix(features.ids(tamis, texts)))
    for text, row in zip(texts, probabilities, strict=True):
        say(f"  {row[0] * 100:5.1f}  {text}")


def say(line: str) -> None:
    print(f"[{time.monotonic() - STARTED:6.1f} s] {line}", file=sys.stderr, flush=True)


STARTED = time.monotonic()

if __name__ == "__main__":
    main()
