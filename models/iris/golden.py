"""What scikit-learn itself answers: the judge of the compiled table.

A forest cuts each feature at finitely many thresholds. scikit-learn narrows features to float32 before it compares
them with its float64 thresholds, so a threshold acts exactly like the largest float32 that does not exceed it, and all
inputs between two neighbouring thresholds of each feature fall into one cell of a grid. `Grid` asks `predict_proba` at
the lowest and at the highest corner of every cell; `rows` picks single inputs worth keeping in full.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
from sklearn.ensemble import RandomForestClassifier

BLOCK_AXES = (2, 3)
"""One digest covers all cells that share their petal length and petal width, so a wrong cell names its petals."""

FLOAT_MAX = np.finfo(np.float32).max


@dataclass(frozen=True)
class Grid:
    """scikit-learn's answer in every cell.

    `thresholds[f]` is ascending and distinct, float32. `low` and `high` hold, per feature, the smallest and the largest
    float32 of each of its intervals. `votes` has shape `(n0, n1, n2, n3, classes)` and counts trees; `label` has shape
    `(n0, n1, n2, n3)` and is the class index that `predict` returns.
    """

    thresholds: list[np.ndarray]
    low: list[np.ndarray]
    high: list[np.ndarray]
    votes: np.ndarray
    label: np.ndarray

    @classmethod
    def of(cls, model: RandomForestClassifier) -> "Grid":
        thresholds = [thresholds_of(model, feature) for feature in range(model.n_features_in_)]
        high = [np.append(axis, FLOAT_MAX) for axis in thresholds]
        low = [np.insert(np.nextafter(axis, np.float32(np.inf)), 0, -FLOAT_MAX) for axis in thresholds]
        votes, label = answers(model, product(high))
        votes_low, label_low = answers(model, product(low))
        if not (np.array_equal(votes, votes_low) and np.array_equal(label, label_low)):
            raise AssertionError("two corners of one cell disagree: the thresholds do not bound the cells")
        shape = [len(axis) for axis in high]
        return cls(thresholds, low, high, votes.reshape(*shape, -1), label.reshape(shape))

    def digests(self) -> list[str]:
        """SHA-256 per block, petal width varying fastest: bytes `class, votes...` of each cell, sepal width fastest."""
        cells = np.concatenate([self.label[..., None], self.votes], axis=-1).astype(np.uint8)
        rest = [axis for axis in range(4) if axis not in BLOCK_AXES]
        blocks = cells.transpose(*BLOCK_AXES, *rest, 4)
        blocks = blocks.reshape(blocks.shape[0] * blocks.shape[1], -1)
        return [hashlib.sha256(np.ascontiguousarray(block).tobytes()).hexdigest() for block in blocks]


def thresholds_of(model: RandomForestClassifier, feature: int) -> np.ndarray:
    """The distinct thresholds of one feature, each rounded down to float32, ascending."""
    found = set()
    for estimator in model.estimators_:
        tree = estimator.tree_
        for threshold in tree.threshold[tree.feature == feature]:
            nearest = np.float32(threshold)
            found.add(np.nextafter(nearest, np.float32(-np.inf)) if float(nearest) > threshold else nearest)
    return np.array(sorted(found), dtype=np.float32)


def product(axes: list[np.ndarray]) -> np.ndarray:
    """Every combination of one value per axis, the last axis varying fastest; shape `(cells, axes)`."""
    return np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")], axis=1)


def answers(model: RandomForestClassifier, inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`predict_proba` as whole votes, and `predict`.

    Fails unless `votes / trees` is `predict_proba` to the last bit and `predict` its first maximum.
    """
    trees = len(model.estimators_)
    with np.errstate(invalid="ignore"):  # looking for NaN, scikit-learn sums its input: the largest floats overflow
        probabilities = model.predict_proba(inputs)
        label = model.predict(inputs)
    votes = np.rint(probabilities * trees).astype(np.int64)
    if not np.array_equal(votes / trees, probabilities):
        raise AssertionError("a probability is not a whole number of votes")
    if not np.array_equal(label, votes.argmax(axis=1)):
        raise AssertionError("predict is not the first maximum of predict_proba")
    return votes, label


def rows(model: RandomForestClassifier, grid: Grid, samples: np.ndarray) -> np.ndarray:
    """Inputs to keep in full, float32: the training set, edges, extremes and ties."""
    return np.concatenate([samples.astype(np.float32), edges(grid), extremes(samples), ties(grid)])


def edges(grid: Grid) -> np.ndarray:
    """Each threshold and its two float32 neighbours, the other features where crossing it moves the most votes."""
    found = []
    for feature, axis in enumerate(grid.thresholds):
        along = np.moveaxis(grid.votes, feature, 0)
        for index, threshold in enumerate(axis):
            moved = np.abs(along[index + 1] - along[index]).sum(axis=-1)
            where = np.unravel_index(moved.argmax(), moved.shape)
            rest = [other for other in range(4) if other != feature]
            others = [grid.high[other][i] for other, i in zip(rest, where)]
            below, above = (np.nextafter(threshold, np.float32(side)) for side in (-np.inf, np.inf))
            for value in (below, threshold, above):
                found.append(np.insert(np.array(others, dtype=np.float32), feature, value))
    return np.array(found, dtype=np.float32)


def extremes(samples: np.ndarray) -> np.ndarray:
    """Zeros of both signs, the smallest and the largest magnitudes, alone and in every feature at once."""
    tiny = np.finfo(np.float32).smallest_subnormal
    base = samples[len(samples) // 2].astype(np.float32)
    found = []
    for value in (np.float32(0.0), np.float32(-0.0), tiny, -tiny, FLOAT_MAX, -FLOAT_MAX):
        found.append(np.full(4, value, dtype=np.float32))
        for feature in range(4):
            row = base.copy()
            row[feature] = value
            found.append(row)
    return np.array(found, dtype=np.float32)


def ties(grid: Grid) -> np.ndarray:
    """Up to eight cells per pair of classes that share the first place: the lower index must win."""
    found = []
    for a, b in ((0, 1), (0, 2), (1, 2)):
        first, second = grid.votes[..., a], grid.votes[..., b]
        cells = np.argwhere((first == second) & (first == grid.votes.max(axis=-1)))
        for cell in cells[:: max(1, len(cells) // 8)][:8]:
            found.append([grid.high[f][i] for f, i in enumerate(cell)])
    return np.array(found, dtype=np.float32).reshape(-1, 4)
