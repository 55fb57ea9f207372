"""The model: an embedding bag of int8 weights.

    logit = scale * sum(table[ids]) / sqrt(max(count, 1)) + bias,    count = how many of the ids occur in the training

One logistic regression per label, on features weighted by their rarity and divided by the root of their number. Both
weightings are folded into the table, so that serving only adds up rows.
"""

import multiprocessing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from sklearn.linear_model import LogisticRegression

from corpus.rows import LABELS

COLUMNS = 8
COUNT = len(LABELS)
FLOOR = 1.0
# Rarity is scaled so that a text's features make a vector of length about 1, beside which the intercept's feature, 1, is
# penalized alike.
RARITY_SCALE = 0.2


@dataclass
class Bag:
    """`table` int8 [2^k, 8]: six labels, 1 for a known feature, padding. `scale` float32 [8], `bias` float32 [6]."""

    table: np.ndarray
    scale: np.ndarray
    bias: np.ndarray

    def logits(self, features: sp.csr_matrix) -> np.ndarray:
        """[rows, 6] float64."""
        sums = (features @ self.table.astype(np.float32)).astype(np.float64) * self.scale
        return sums[:, :COUNT] / np.sqrt(np.maximum(sums[:, COUNT : COUNT + 1], FLOOR)) + self.bias

    def probabilities(self, features: sp.csr_matrix) -> np.ndarray:
        """[rows, 6] float64."""
        return 1 / (1 + np.exp(-self.logits(features)))

    def save(self, path: Path) -> None:
        """Writes the three arrays."""
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(path, table=self.table, scale=self.scale, bias=self.bias)

    @staticmethod
    def load(path: Path) -> "Bag":
        """What `save` wrote."""
        stored = np.load(path)
        return Bag(stored["table"], stored["scale"], stored["bias"])

    def calibrated(self, slopes: np.ndarray, intercepts: np.ndarray) -> "Bag":
        """The bag whose logits are `slopes * logits + intercepts`."""
        scale = self.scale.copy()
        scale[:COUNT] *= slopes
        return Bag(self.table, scale.astype(np.float32), (self.bias * slopes + intercepts).astype(np.float32))


def train(
    features: sp.csr_matrix, labels: np.ndarray, weights: np.ndarray, c: float, naive_bayes: dict[str, float], workers: int
) -> Bag:
    """Fits the six regressions (liblinear's dual coordinate descent) and quantizes them.

    `labels` and `weights` are [rows, 6]; a row of weight 0 has no part in that label's regression. `c` is the inverse of
    the penalty's weight. `naive_bayes` gives, for each label named, the power to which a feature's log-count ratio weighs it
    besides its rarity (Wang and Manning 2012).
    """
    frequency = np.bincount(features.indices, minlength=features.shape[1])
    weight = (RARITY_SCALE * (np.log((1 + features.shape[0]) / (1 + frequency)) + 1)).astype(np.float32)
    known = (frequency > 0).astype(np.int8)

    scaled = features.copy()
    counts = np.maximum(np.diff(features.indptr), 1)
    scaled.data = weight[features.indices] / np.repeat(np.sqrt(counts).astype(np.float32), np.diff(features.indptr))

    # Processes, not threads: liblinear's random state is one per process, and results must not depend on scheduling.
    powers = [naive_bayes.get(label, 0.0) for label in LABELS]
    _shared.update(features=scaled, labels=labels, weights=weights, c=c, powers=powers)
    with multiprocessing.get_context("fork").Pool(workers) as pool:
        fitted = pool.map(_fit, range(COUNT), chunksize=1)
    _shared.clear()
    table = np.stack([coefficients * weight for coefficients, _ in fitted], axis=1)
    return _quantize(table, known, [bias for _, bias in fitted])


_shared: dict = {}


def _fit(label: int) -> tuple[np.ndarray, float]:
    labels, weights = _shared["labels"][:, label], _shared["weights"][:, label]
    rows = weights > 0
    regression = LogisticRegression(
        solver="liblinear", dual=True, C=_shared["c"], tol=0.1, max_iter=100, random_state=0
    )
    features, ratio = _shared["features"][rows], 1.0
    if power := _shared["powers"][label]:
        ratio = log_count_ratio(features, labels[rows] > 0, power)
        features = features @ sp.diags(ratio)
    regression.fit(features, labels[rows], sample_weight=weights[rows])
    return regression.coef_[0] * ratio, regression.intercept_[0]


def log_count_ratio(features: sp.csr_matrix, positive: np.ndarray, power: float) -> np.ndarray:
    """float32 [columns]: how differently the two classes use each feature, to `power`, with a mean square of 1."""
    for_, against = (1 + np.asarray(features[mask].sum(axis=0)).ravel() for mask in (positive, ~positive))
    ratio = np.abs(np.log((for_ / for_.sum()) / (against / against.sum()))) ** power
    return (ratio / np.sqrt(np.mean(ratio[for_ + against > 2] ** 2))).astype(np.float32)


def _quantize(weights: np.ndarray, known: np.ndarray, bias: list[float]) -> Bag:
    # Each label's largest weight is 127: the heaviest n-grams decide, and clipping them costs more than a coarser step.
    step = np.abs(weights).max(axis=0) / 127
    step[step == 0] = 1
    table = np.zeros((len(weights), COLUMNS), np.int8)
    table[:, :COUNT] = np.rint(weights / step)
    table[:, COUNT] = known
    scale = np.ones(COLUMNS, np.float32)
    scale[:COUNT] = step
    return Bag(table, scale, np.array(bias, np.float32))
