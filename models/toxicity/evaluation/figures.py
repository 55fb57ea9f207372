"""All figures of one model, from its predictions."""

import numpy as np

from corpus import obfuscation, rows
from corpus.rows import IDENTITY_HATE, TOXIC
from evaluation import bias, calibration, metrics, predictions
from settings import Settings

# Sets that no row is trained on: `toxic` as a ranking, and who is called medium or high.
HELD_OUT = ["dynahate_dev", "hate_speech_dev", "mlma_fr", "jigsaw_fr", "davidson", "wiki_context_gn", "wiki_debias"]


def of(settings: Settings, model: str) -> dict:
    """Figures on the natural rows, on every held-out set, per identity term, and under obfuscation."""
    found = {"natural": _natural(settings, model), "held_out": {}}
    for name in HELD_OUT:
        if settings.prediction(model, name).exists():
            found["held_out"][name] = _held_out(settings, model, name)
    if settings.prediction(model, "madlibs").exists():
        madlibs = rows.read(settings.rows("madlibs"))
        scores = predictions.probabilities(settings, model, "madlibs")[:, TOXIC]
        high = calibration.levels(settings, model)[1]
        toxic = madlibs.labels[:, TOXIC] > 0
        found["identity_terms"] = bias.figures(madlibs.texts, scores * 100, toxic, high - 0.5)
    found["obfuscated"] = _obfuscated(settings, model)
    return found


def _natural(settings: Settings, model: str) -> dict:
    natural = rows.read(settings.rows("natural"))
    logits = predictions.logits(settings, model, "natural")
    probabilities = calibration.natural_probabilities(settings, model, natural)
    evaluation, toxic = settings["evaluation"], natural.labels[:, TOXIC]
    medium, high = calibration.levels(settings, model)
    score = np.rint(probabilities[:, TOXIC] * 100)
    errors = [
        metrics.expected_calibration_error(probabilities[:, at], natural.labels[:, at])
        for at in range(natural.labels.shape[1])
    ]
    return {
        "rows": len(natural),
        **metrics.per_label(logits, natural.labels),
        "intervals": metrics.bootstrap(
            logits, natural.labels, evaluation["bootstrap"], evaluation["interval"], settings.seed
        ),
        "expected_calibration_error": dict(zip(rows.LABELS, (round(e, 5) for e in errors), strict=True)),
        "levels": {"medium": medium, "high": high},
        "medium_or_high": metrics.precision_recall(score, toxic, medium),
        "high": metrics.precision_recall(score, toxic, high),
    }


def _held_out(settings: Settings, model: str, name: str) -> dict:
    found = rows.read(settings.rows(name))
    keep = found.parts() == "held_out"
    labels, probabilities = found.labels[keep], predictions.probabilities(settings, model, name)[keep]
    toxic, score = labels[:, TOXIC] > 0, np.rint(probabilities[:, TOXIC] * 100)
    medium, high = calibration.levels(settings, model)
    out = {"rows": int(keep.sum()), "positives": int(toxic.sum())}
    if 0 < toxic.sum() < len(toxic):
        out["toxic_roc_auc"] = round(metrics.roc_auc(probabilities[:, TOXIC], toxic), 4)
        out["medium_of_toxic"] = round(float((score[toxic] >= medium).mean()), 4)
        out["high_of_toxic"] = round(float((score[toxic] >= high).mean()), 4)
    if name in ("dynahate_dev", "hate_speech_dev"):
        out["identity_hate_roc_auc"] = round(metrics.roc_auc(probabilities[:, IDENTITY_HATE], toxic), 4)
    if (~toxic).any():
        out["medium_of_others"] = round(float((score[~toxic] >= medium).mean()), 4)
        out["high_of_others"] = round(float((score[~toxic] >= high).mean()), 4)
    return out


def _obfuscated(settings: Settings, model: str) -> dict:
    """ROC-AUC of `toxic` on the natural rows, plain and with the toxic rows under each rule; `changed`: rows it altered."""
    natural = rows.read(settings.rows("natural"))
    plain = predictions.logits(settings, model, "natural")[:, TOXIC]
    toxic = natural.labels[:, TOXIC] > 0
    out = {"none": {"toxic_roc_auc": round(metrics.roc_auc(plain, toxic), 4), "changed": 0}}
    for rule in obfuscation.RULES:
        name = f"natural.{rule}"
        if settings.prediction(model, name).exists():
            made = rows.read(settings.rows(name))
            scores, at = plain.copy(), np.array([int(row) for row in made.group])
            scores[at] = predictions.logits(settings, model, name)[:, TOXIC]
            changed = sum(text != natural.texts[row] for text, row in zip(made.texts, at, strict=True))
            out[rule] = {"toxic_roc_auc": round(metrics.roc_auc(scores, toxic), 4), "changed": changed}
    return out
