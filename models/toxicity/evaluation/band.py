"""`auto`: `simple` decides where it is sure, `bert` where `simple` is not.

A text goes to `bert` if the probability of `toxic` that `simple` gives lies in `[low, high]`. The band is the one of the
best mean ROC-AUC on the calibration rows among those whose mean cost is within the budget.
"""

import json

import numpy as np

from corpus import rows
from corpus.rows import TOXIC
from evaluation import calibration, metrics, predictions
from settings import Settings

STEPS = 60


def run(settings: Settings) -> dict:
    """Writes `calibration/auto.json` and the predictions of `auto` for every set that both models have seen.

    The band is judged on cross-calibrated probabilities; its figures on the natural rows are of the band chosen there.
    """
    budget = settings["auto"]
    natural = rows.read(settings.rows("natural"))
    parts = natural.parts()
    simple, bert = (
        calibration.cross_calibrated(
            predictions.logits(settings, model, "natural").astype(float), natural.labels, parts
        )
        for model in ("simple", "bert")
    )
    most = budget["cost_share"] - budget["simple_microseconds"] / budget["bert_microseconds"]
    low, high = choose(simple, bert, natural.labels, most)
    share = float(unsure(simple, low, high).mean())
    mixed = mix(simple, bert, low, high)
    score = np.rint(mixed[:, TOXIC] * 100)
    medium, top = calibration.cut_points(score, natural.labels[:, TOXIC], **settings["calibration"])
    cost = share + budget["simple_microseconds"] / budget["bert_microseconds"]
    found = {
        "slopes": [1.0] * natural.labels.shape[1],
        "intercepts": [0.0] * natural.labels.shape[1],
        "levels": {"medium": medium, "high": top},
        "band": {"low": low, "high": high},
        "share_of_bert": round(share, 4),
        "cost_of_bert": round(cost, 4),
    }
    settings.calibration("auto").write_text(json.dumps(found, indent=2) + "\n")
    predictions.write(settings, "auto", "natural", logit(mixed))
    for path in sorted(settings.prediction("bert", "x").parent.glob("*.npz")):
        if path.stem != "natural" and settings.prediction("simple", path.stem).exists():
            pair = [predictions.probabilities(settings, model, path.stem) for model in ("simple", "bert")]
            predictions.write(settings, "auto", path.stem, logit(mix(*pair, low, high)))
    print(
        f"auto: bert decides where simple says {low:.4f} to {high:.4f}, {share:.1%} of rows, {cost:.1%} of bert's cost"
    )
    return {"low": low, "high": high, "share_of_bert": share, "cost_of_bert": cost}


def choose(simple: np.ndarray, bert: np.ndarray, labels: np.ndarray, most: float) -> tuple[float, float]:
    """The band of the best mean ROC-AUC among those that hold at most the share `most` of the rows.

    `simple`, `bert` and `labels` are [rows, 6]. Its ends are quantiles of `simple`'s probability of `toxic`.
    """
    ordered = np.sort(simple[:, TOXIC])
    best = (-1.0, 1.0, 1.0)
    for begin in np.linspace(0, len(ordered) - 1, STEPS, dtype=int):
        end = min(begin + int(most * len(ordered)) - 1, len(ordered) - 1)
        if end <= begin:
            continue
        low, high = float(ordered[begin]), float(ordered[end])
        if unsure(simple, low, high).mean() > most:
            continue
        mixed = mix(simple, bert, low, high)
        auc = np.nanmean([metrics.roc_auc(mixed[:, at], labels[:, at]) for at in range(labels.shape[1])])
        best = max(best, (float(auc), low, high))
    return best[1], best[2]


def unsure(simple: np.ndarray, low: float, high: float) -> np.ndarray:
    """Which rows `bert` decides, bool [rows]."""
    return (simple[:, TOXIC] >= low) & (simple[:, TOXIC] <= high)


def mix(simple: np.ndarray, bert: np.ndarray, low: float, high: float) -> np.ndarray:
    """The probabilities of whichever model speaks, [rows, 6]; NaN where neither has read the row."""
    out = np.where(unsure(simple, low, high)[:, None], bert, simple)
    out[np.isnan(bert).any(axis=1)] = np.nan
    return out


def logit(probabilities: np.ndarray) -> np.ndarray:
    """The inverse of the logistic function, kept finite."""
    kept = np.clip(probabilities, 1e-7, 1 - 1e-7)
    return np.log(kept / (1 - kept))
