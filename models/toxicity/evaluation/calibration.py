"""Calibration at natural label rates, and the cut points on the calibrated score."""

import json

import numpy as np
from sklearn.linear_model import LogisticRegression

from corpus import rows
from corpus.rows import LABELS, TOXIC, Rows
from evaluation import metrics, predictions
from settings import Settings

# Models whose logits are made of calibrated models' and stand for probabilities as they are.
CALIBRATED = ("auto", "bert")


def run(settings: Settings, model: str) -> dict:
    """Writes `calibration/MODEL.json` from the model's logits of the natural rows; returns what calibration did."""
    natural = rows.read(settings.rows("natural"))
    logits = predictions.logits(settings, model, "natural").astype(np.float64)
    probabilities = cross_calibrated(logits, natural.labels, natural.parts())
    score, toxic = np.rint(probabilities[:, TOXIC] * 100), natural.labels[:, TOXIC]
    medium, high = cut_points(score, toxic, **settings["calibration"])
    slopes, intercepts = platt(logits, natural.labels)
    error = metrics.expected_calibration_error(probabilities[:, TOXIC], toxic)
    found = {
        "slopes": [float(value) for value in slopes],
        "intercepts": [float(value) for value in intercepts],
        "levels": {"medium": medium, "high": high},
        "toxic_expected_calibration_error": round(error, 5),
    }
    path = settings.calibration(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=2) + "\n")
    print(f"{model}: medium from {medium}, high from {high}, expected calibration error {error:.4f}")
    return {"toxic_expected_calibration_error": error, "medium": medium, "high": high}


def already(medium: int, high: int, **others: object) -> dict:
    """What stands in `calibration/MODEL.json` for one of `CALIBRATED`: cut points, and a scaling that changes nothing."""
    same = {"slopes": [1.0] * len(LABELS), "intercepts": [0.0] * len(LABELS)}
    return {**same, "levels": {"medium": medium, "high": high}, **others}


def natural_probabilities(settings: Settings, model: str, natural: Rows) -> np.ndarray:
    """Probabilities of the natural rows, [rows, 6], cross-calibrated: no row's label had a part in its own."""
    logits = predictions.logits(settings, model, "natural").astype(np.float64)
    if model in CALIBRATED:
        return predictions.sigmoid(logits)
    return cross_calibrated(logits, natural.labels, natural.parts())


def levels(settings: Settings, model: str) -> tuple[int, int]:
    """The scores from which `medium` and `high` begin."""
    stored = json.loads(settings.calibration(model).read_text())["levels"]
    return stored["medium"], stored["high"]


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
    out = np.empty(logits.shape)
    for held_out in sorted(set(fold)):
        inside = fold == held_out
        slopes, intercepts = platt(logits[~inside], labels[~inside])
        out[inside] = predictions.sigmoid(logits[inside] * slopes + intercepts)
    return out


def cut_points(score: np.ndarray, toxic: np.ndarray, medium_recall: float, high_precision: float) -> tuple[int, int]:
    """Medium: the highest score with at least this recall. High: the lowest above it with at least this precision. Both
    on integer scores, 1 to 100."""
    cuts = [(cut, metrics.precision_recall(score, toxic, cut)) for cut in range(1, 101)]
    medium = max((cut for cut, found in cuts if found["recall"] >= medium_recall), default=1)
    high = min((cut for cut, found in cuts if cut > medium and found["precision"] >= high_precision), default=100)
    return medium, high
