"""Calibration, and the metrics that say how good the calibrated scores are."""

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score

from data import LABELS


def platt(logits: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Slope and intercept per label (Platt 1999), fitted on logits of rows that the model has not seen."""
    slopes, intercepts = [], []
    for label in range(len(LABELS)):
        fitted = LogisticRegression(C=1e6).fit(logits[:, label : label + 1], labels[:, label])
        slopes.append(fitted.coef_[0, 0])
        intercepts.append(fitted.intercept_[0])
    return np.array(slopes), np.array(intercepts)


def cross_calibrated(logits: np.ndarray, labels: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """Probabilities of each fold's rows, calibrated on the other folds: what calibration gives on rows it has not seen."""
    out = np.empty_like(logits)
    for held_out in np.unique(fold):
        rows = fold == held_out
        slopes, intercepts = platt(logits[~rows], labels[~rows])
        out[rows] = 1 / (1 + np.exp(-(logits[rows] * slopes + intercepts)))
    return out


def expected_calibration_error(probabilities: np.ndarray, labels: np.ndarray, bins: int = 15) -> float:
    """Mean distance between probability and rate over equally wide bins (Naeini et al. 2015)."""
    index = np.minimum((probabilities * bins).astype(int), bins - 1)
    total = 0.0
    for at in range(bins):
        rows = index == at
        if rows.any():
            total += float(rows.sum() * abs(probabilities[rows].mean() - labels[rows].mean()))
    return total / len(labels)


def per_label(scores: np.ndarray, labels: np.ndarray) -> dict:
    """ROC-AUC and average precision of each label, and the mean column-wise ROC-AUC."""
    auc = [roc_auc_score(labels[:, at], scores[:, at]) for at in range(len(LABELS))]
    precision = [average_precision_score(labels[:, at], scores[:, at]) for at in range(len(LABELS))]
    return {
        "mean_roc_auc": round(float(np.mean(auc)), 5),
        "roc_auc": {label: round(float(value), 5) for label, value in zip(LABELS, auc, strict=True)},
        "average_precision": {label: round(float(value), 5) for label, value in zip(LABELS, precision, strict=True)},
    }


def precision_recall(score: np.ndarray, toxic: np.ndarray, cut: int) -> dict:
    """Precision and recall of `score >= cut`, and the share of rows it flags."""
    flagged = score >= cut
    right = float((flagged & (toxic > 0)).sum())
    return {
        "precision": round(right / max(int(flagged.sum()), 1), 4),
        "recall": round(right / max(float(toxic.sum()), 1), 4),
        "flagged": round(float(flagged.mean()), 4),
    }


def cut_points(score: np.ndarray, toxic: np.ndarray) -> tuple[int, int]:
    """Medium: the highest score that still finds nine in ten toxic rows. High: the lowest from which nine in ten flagged
    rows are toxic. Both on integer scores, 1 to 100."""
    cuts = [(cut, precision_recall(score, toxic, cut)) for cut in range(1, 101)]
    medium = max((cut for cut, found in cuts if found["recall"] >= 0.9), default=1)
    high = min((cut for cut, found in cuts if cut > medium and found["precision"] >= 0.9), default=100)
    return medium, high
