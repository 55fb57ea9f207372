"""Train the iris forest and write what tamis compiles and what judges it.

    python models/iris/train.py           writes forest.json and golden.json beside this file
    python models/iris/train.py --check   trains again and fails unless both files come out byte for byte

The model is a pure function of the versions in requirements.txt: same versions, same bytes. Exit status: 0 done,
1 not reproduced, 2 other versions installed.
"""

import argparse
import hashlib
import json
import sys
from importlib import metadata
from itertools import zip_longest
from pathlib import Path

import numpy as np
import sklearn
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import confusion_matrix
from sklearn.model_selection import RepeatedStratifiedKFold

from golden import Grid, answers, rows

HERE = Path(__file__).resolve().parent
PARAMETERS = {"n_estimators": 100, "random_state": 42}
FEATURE_NAMES = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
FOLDS, REPEATS = 5, 10
SHOWN = 100
"""How many characters around a difference `--check` shows."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; fail unless the committed files are equal")
    arguments = parser.parse_args()
    if wrong := wrong_versions():
        print("not the versions of requirements.txt: " + ", ".join(wrong), file=sys.stderr)
        return 2

    data = load_iris()
    model = RandomForestClassifier(**PARAMETERS).fit(data.data, data.target)
    forest = forest_document(model, data)
    files = {"forest.json": forest, "golden.json": golden_document(model, data, forest)}
    if arguments.check:
        return check(files)
    for name, content in files.items():
        (HERE / name).write_bytes(content)
        print(f"{name}: {len(content)} bytes, sha256 {hashlib.sha256(content).hexdigest()}")
    return 0


def wrong_versions() -> list[str]:
    """The packages of requirements.txt that are missing here or have another version."""
    wrong = []
    for line in (HERE / "requirements.txt").read_text().splitlines():
        if line.startswith("#") or not line.strip():
            continue
        name, wanted = line.split("==")
        try:
            found = metadata.version(name)
        except metadata.PackageNotFoundError:
            found = "none"
        if found != wanted:
            wrong.append(f"{name} {wanted} is wanted, {found} is here")
    return wrong


def check(files: dict[str, bytes]) -> int:
    """0 if every file on disk equals what was trained just now, else 1 and the first line that differs."""
    status = 0
    for name, content in files.items():
        path = HERE / name
        committed = path.read_bytes() if path.exists() else b""
        if committed == content:
            print(f"{name}: reproduced byte for byte, sha256 {hashlib.sha256(content).hexdigest()}")
            continue
        status = 1
        pairs = zip_longest(committed.splitlines(keepends=True), content.splitlines(keepends=True), fillvalue=b"")
        number, (old, new) = next((n, pair) for n, pair in enumerate(pairs, start=1) if pair[0] != pair[1])
        column = next((at for at, (a, b) in enumerate(zip(old, new)) if a != b), min(len(old), len(new)))
        shown = slice(max(0, column - SHOWN // 2), column + SHOWN // 2)
        print(f"{name}: NOT reproduced; first difference in line {number}, column {column + 1}", file=sys.stderr)
        print(f"  committed: {old[shown].decode(errors='replace').rstrip()}", file=sys.stderr)
        print(f"  trained:   {new[shown].decode(errors='replace').rstrip()}", file=sys.stderr)
    return status


def forest_document(model: RandomForestClassifier, data) -> bytes:
    """forest.json: parallel arrays per tree, one tree a line; -1 stands for "none", as in scikit-learn's own arrays."""
    head = {
        "format": "tamis-forest-1",
        "name": "iris",
        "kind": "RandomForestClassifier",
        "parameters": PARAMETERS,
        "scikit_learn": sklearn.__version__,
        "numpy": np.__version__,
        "feature_names": FEATURE_NAMES,
        "class_names": [str(name) for name in data.target_names],
        "training": {
            "rows": len(data.target),
            "accuracy": float((model.predict(data.data) == data.target).mean()),
            "cross_validation": cross_validation(data),
        },
    }
    return document(head, {"trees": [tree_arrays(estimator.tree_) for estimator in model.estimators_]})


def tree_arrays(tree) -> dict:
    """One tree. Every leaf must be pure, so that a tree casts one whole vote and probabilities are counts."""
    leaf = tree.children_left < 0
    if not np.array_equal(tree.value[leaf, 0, :].max(axis=1), np.ones(leaf.sum())):
        raise AssertionError("a leaf is not pure: votes would not be whole")
    return {
        "feature": np.where(leaf, -1, tree.feature).tolist(),
        "threshold": [None if end else float(t) for end, t in zip(leaf, tree.threshold)],
        "left": tree.children_left.tolist(),
        "right": tree.children_right.tolist(),
        "class": np.where(leaf, tree.value[:, 0, :].argmax(axis=1), -1).tolist(),
    }


def cross_validation(data) -> dict:
    """Repeated stratified k-fold, in whole counts so that no summation order can show."""
    confusion = np.zeros((3, 3), dtype=np.int64)
    splits = RepeatedStratifiedKFold(n_splits=FOLDS, n_repeats=REPEATS, random_state=PARAMETERS["random_state"])
    for train, test in splits.split(data.data, data.target):
        model = RandomForestClassifier(**PARAMETERS).fit(data.data[train], data.target[train])
        confusion += confusion_matrix(data.target[test], model.predict(data.data[test]), labels=[0, 1, 2])
    correct, total = int(confusion.trace()), int(confusion.sum())
    return {
        "folds": FOLDS,
        "repeats": REPEATS,
        "correct": correct,
        "predictions": total,
        "accuracy": correct / total,
        "confusion": confusion.tolist(),
    }


def golden_document(model: RandomForestClassifier, data, forest: bytes) -> bytes:
    """golden.json: a digest per block of the grid, and rows as `[features, class, probabilities]`."""
    grid = Grid.of(model)
    inputs = rows(model, grid, data.data)
    votes, labels = answers(model, inputs)
    trees = len(model.estimators_)
    head = {
        "format": "tamis-forest-golden-1",
        "scikit_learn": sklearn.__version__,
        "forest_sha256": hashlib.sha256(forest).hexdigest(),
        "trees": trees,
        "cells": int(grid.label.size),
    }
    probabilities = (votes / trees).tolist()
    lists = {
        "thresholds": [[shortest(t) for t in axis] for axis in grid.thresholds],
        "blocks": grid.digests(),
        "rows": [[[shortest(x) for x in row], int(c), p] for row, c, p in zip(inputs, labels, probabilities)],
    }
    return document(head, lists)


def shortest(value: np.float32) -> float:
    """The float64 with the fewest digits that narrows to this very float32."""
    wide = float(str(value))
    narrow = np.float32(wide)
    return wide if narrow == value and np.signbit(narrow) == np.signbit(value) else float(value)


def document(head: dict, lists: dict[str, list]) -> bytes:
    """JSON with one line per member of `head` and per item of each list: compact, and readable as a diff."""
    parts = [f"{json.dumps(key)}:{dense(value)}" for key, value in head.items()]
    for key, items in lists.items():
        parts.append(f"{json.dumps(key)}:[\n" + ",\n".join(dense(item) for item in items) + "\n]")
    return ("{\n" + ",\n".join(parts) + "\n}\n").encode()


def dense(value) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


if __name__ == "__main__":
    sys.exit(main())
