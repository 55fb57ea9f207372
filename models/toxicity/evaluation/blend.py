"""The product `bert`: the encoder's calibrated logits with a share of those of `simple`.

    logit[L] = slope[L] * encoder[L] + intercept[L] + share[L] * simple[L]

`simple[L]` is the logit of the calibrated probability of `simple`, clamped to [1e-7, 1 - 1e-7]. The two err differently:
one knows spellings, the other sentences. Slope, intercept and share are a logistic regression of the label on the two
logits (stacking: Wolpert 1992), with no coefficient below 0.
"""

import json
from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression

from corpus import rows
from corpus.rows import LABELS, TOXIC
from evaluation import calibration, metrics, predictions
from settings import Settings


@dataclass
class Blend:
    """Coefficients by label, each [6]; `simple` are the slopes and intercepts that calibrate `simple`, [2, 6]."""

    slopes: np.ndarray
    intercepts: np.ndarray
    shares: np.ndarray
    simple: np.ndarray

    def logits(self, encoder: np.ndarray, simple: np.ndarray) -> np.ndarray:
        """The blend's logits of both models' logits before calibration, [rows, 6]."""
        return encoder * self.slopes + self.intercepts + self.shares * calibrated(simple, self.simple)


def run(settings: Settings) -> dict:
    """Writes `calibration/blend.json`, which the export reads, `calibration/bert.json`, `calibration/encoder.json`, and the
    predictions of `bert` for every set that both models have predicted.

    Rows of a fold are blended with coefficients that were fitted on the other folds, all others with those that ship.
    Returns the figures of the natural rows.
    """
    calibration.run(settings, "encoder")
    knobs, natural = settings["blend"], rows.read(settings.rows("natural"))
    stored = json.loads(settings.calibration("simple").read_text())
    encoder, simple = (predictions.logits(settings, model, "natural").astype(float) for model in ("encoder", "simple"))
    shipped = fit(encoder, simple, natural.labels, np.array([stored["slopes"], stored["intercepts"]]), knobs)
    folds = cross_fitted(encoder, simple, natural.labels, natural.parts(), knobs)
    for path in sorted(settings.prediction("encoder", "x").parent.glob("*.npz")):
        if settings.prediction("simple", path.stem).exists():
            pair = [predictions.logits(settings, model, path.stem).astype(float) for model in ("encoder", "simple")]
            made = blended(shipped, folds, *pair, rows.read(settings.rows(path.stem)).parts())
            predictions.write(settings, "bert", path.stem, made)
    found = figures(settings, predictions.logits(settings, "bert", "natural").astype(float), natural.labels)
    _write(settings, shipped, found)
    shares = ", ".join(f"{label} {share:.2f}" for label, share in zip(LABELS, shipped.shares, strict=True))
    print(f"bert: shares of simple's logits: {shares}")
    print(f"bert: mean ROC-AUC {found['mean_roc_auc']:.5f}, calibration error {found['expected_calibration_error']:.4f}")
    return found


def fit(encoder: np.ndarray, simple: np.ndarray, labels: np.ndarray, scaling: np.ndarray, knobs: dict) -> Blend:
    """The blend fitted on these rows, all [rows, 6]. `scaling` calibrates `simple`. Of the knobs, `labels` are those that
    blend (for the others the encoder stands alone), `most` bounds, for the labels named, the share by so many times the
    slope, and `c` is the inverse weight of the L2 penalty."""
    other, found = calibrated(simple, scaling), np.zeros((3, len(LABELS)))
    for at, label in enumerate(LABELS):
        columns = [0, 1] if label in knobs["labels"] else [0]
        x, most = np.column_stack([encoder[:, at], other[:, at]]), knobs["most"].get(label, np.inf)
        found[:, at] = _bounded(x, labels[:, at], columns, knobs["c"], most)
    slopes, shares, intercepts = found
    return Blend(slopes, intercepts, shares, scaling)


def cross_fitted(
    encoder: np.ndarray, simple: np.ndarray, labels: np.ndarray, parts: np.ndarray, knobs: dict
) -> dict[str, Blend]:
    """For each fold the blend of the rows of the other folds; what calibrates `simple` is of these rows too."""
    out = {}
    for fold in sorted(set(parts)):
        rest = parts != fold
        scaling = np.array(calibration.platt(simple[rest], labels[rest]))
        out[fold] = fit(encoder[rest], simple[rest], labels[rest], scaling, knobs)
    return out


def blended(
    shipped: Blend, folds: dict[str, Blend], encoder: np.ndarray, simple: np.ndarray, parts: np.ndarray
) -> np.ndarray:
    """Logits [rows, 6]: a fold's rows by the blend that has not seen them, all others by the one that ships; NaN where
    the encoder's are."""
    out = shipped.logits(encoder, simple)
    for fold, blend in folds.items():
        inside = parts == fold
        out[inside] = blend.logits(encoder[inside], simple[inside])
    return out


def calibrated(logits: np.ndarray, scaling: np.ndarray) -> np.ndarray:
    """The logits of calibrated, clamped probabilities."""
    return predictions.logit(predictions.sigmoid(logits * scaling[0] + scaling[1]))


def figures(settings: Settings, logits: np.ndarray, labels: np.ndarray) -> dict:
    """Quality, calibration error of `toxic` and cut points of calibrated logits."""
    probabilities, toxic = predictions.sigmoid(logits)[:, TOXIC], labels[:, TOXIC]
    medium, high = calibration.cut_points(np.rint(probabilities * 100), toxic, **settings["calibration"])
    return {
        "mean_roc_auc": metrics.per_label(logits, labels)["mean_roc_auc"],
        "expected_calibration_error": metrics.expected_calibration_error(probabilities, toxic),
        "medium": medium,
        "high": high,
    }


def _bounded(x: np.ndarray, y: np.ndarray, columns: list[int], c: float, most: float) -> tuple[float, float, float]:
    """As `_regression`, the second coefficient at most so many times the first."""
    slope, share, intercept = _regression(x, y, columns, c)
    if np.isfinite(most) and share > most * slope:
        slope, _, intercept = _regression(x[:, :1] + most * x[:, 1:], y, [0], c)
        share = most * slope
    return slope, share, intercept


def _regression(x: np.ndarray, y: np.ndarray, columns: list[int], c: float) -> tuple[float, float, float]:
    """Two coefficients and the intercept: of these columns, without those whose coefficient would be negative."""
    while columns:
        fitted = LogisticRegression(C=c).fit(x[:, columns], y)
        if fitted.coef_.min() >= 0:
            both = np.zeros(2)
            both[columns] = fitted.coef_[0]
            return both[0], both[1], fitted.intercept_[0]
        columns = [column for column, kept in zip(columns, fitted.coef_[0] > fitted.coef_.min(), strict=True) if kept]
    return 0.0, 0.0, float(predictions.logit(y.mean()))


def _write(settings: Settings, shipped: Blend, found: dict) -> None:
    blend = {"slopes": shipped.slopes, "intercepts": shipped.intercepts, "shares": shipped.shares}
    text = json.dumps({name: [float(value) for value in values] for name, values in blend.items()}, indent=2)
    settings.calibration("blend").write_text(text + "\n")
    bert = calibration.already(
        found["medium"],
        found["high"],
        toxic_expected_calibration_error=round(found["expected_calibration_error"], 5),
    )
    settings.calibration("bert").write_text(json.dumps(bert, indent=2) + "\n")
