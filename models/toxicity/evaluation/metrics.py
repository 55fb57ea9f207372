"""Measures of scores against labels."""

import numpy as np
from sklearn.metrics import average_precision_score

from corpus.rows import LABELS


class Ranking:
    """One column of scores, sorted once, so that the ROC-AUC of many resamples is cheap.

    `scores` float [rows], `positive` bool [rows]. Rows of equal score count half (Mann and Whitney 1947).
    """

    def __init__(self, scores: np.ndarray, positive: np.ndarray):
        self.order = np.argsort(scores, kind="stable")
        ordered = scores[self.order]
        self.starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
        self.positive = positive[self.order]

    def roc_auc(self, counts: np.ndarray | None = None) -> float:
        """The area under the curve where row i stands `counts[i]` times; NaN where one class is absent."""
        weights = np.ones(len(self.order)) if counts is None else counts[self.order].astype(float)
        up = np.add.reduceat(weights * self.positive, self.starts)
        down = np.add.reduceat(weights * ~self.positive, self.starts)
        below = np.cumsum(down) - down
        total = up.sum() * down.sum()
        return float((up * (below + down / 2)).sum() / total) if total else float("nan")


def roc_auc(scores: np.ndarray, positive: np.ndarray) -> float:
    """ROC-AUC of one column; rows whose score is NaN are left out."""
    known = ~np.isnan(scores)
    return Ranking(scores[known], np.asarray(positive)[known] > 0).roc_auc()


def bootstrap(scores: np.ndarray, labels: np.ndarray, resamples: int, interval: float, seed: int) -> dict:
    """Percentile intervals of each label's ROC-AUC and of their mean, by resampling rows (Efron 1979).

    `scores` and `labels` are [rows, 6]. Returns `{"mean": [low, high], LABEL: [low, high], ...}`.
    """
    rankings = [Ranking(scores[:, at], labels[:, at] > 0) for at in range(labels.shape[1])]
    random, rows = np.random.default_rng(seed), len(labels)
    drawn = np.empty((resamples, len(rankings)))
    for at in range(resamples):
        counts = np.bincount(random.integers(0, rows, rows), minlength=rows)
        drawn[at] = [ranking.roc_auc(counts) for ranking in rankings]
    tail = (1 - interval) / 2
    limits = np.nanquantile(np.column_stack([drawn.mean(axis=1), drawn]), [tail, 1 - tail], axis=0).T
    return {name: [round(float(x), 5) for x in pair] for name, pair in zip(["mean", *LABELS], limits, strict=True)}


def per_label(scores: np.ndarray, labels: np.ndarray) -> dict:
    """ROC-AUC, average precision and positives of each label, and the mean column-wise ROC-AUC."""
    columns = range(labels.shape[1])
    auc = [roc_auc(scores[:, at], labels[:, at]) for at in columns]
    precision = [float(average_precision_score(labels[:, at], scores[:, at])) for at in columns]
    return {
        "mean_roc_auc": round(float(np.mean(auc)), 5),
        "roc_auc": {label: round(value, 5) for label, value in zip(LABELS, auc, strict=True)},
        "average_precision": {label: round(value, 5) for label, value in zip(LABELS, precision, strict=True)},
        "positives": {label: int(labels[:, at].sum()) for at, label in enumerate(LABELS)},
    }


def expected_calibration_error(probabilities: np.ndarray, labels: np.ndarray, bins: int = 15) -> float:
    """Mean distance between probability and rate over equally wide bins (Naeini et al. 2015)."""
    return float(
        sum(count * abs(mean - rate) for mean, rate, count in reliability(probabilities, labels, bins)) / len(labels)
    )


def reliability(probabilities: np.ndarray, labels: np.ndarray, bins: int = 15) -> list[tuple[float, float, int]]:
    """Mean probability, rate of positives, and rows of each equally wide bin that is not empty."""
    index = np.minimum((probabilities * bins).astype(int), bins - 1)
    rows = [index == at for at in range(bins)]
    return [(float(probabilities[r].mean()), float(labels[r].mean()), int(r.sum())) for r in rows if r.any()]


def precision_recall(score: np.ndarray, toxic: np.ndarray, cut: int) -> dict:
    """Precision and recall of `score >= cut`, and the share of rows it flags."""
    flagged = score >= cut
    right = float((flagged & (toxic > 0)).sum())
    return {
        "precision": round(right / max(int(flagged.sum()), 1), 4),
        "recall": round(right / max(float(toxic.sum()), 1), 4),
        "flagged": round(float(flagged.mean()), 4),
    }
