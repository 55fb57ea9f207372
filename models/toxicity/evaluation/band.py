"""`auto`: `simple` decides where it is sure, `bert` where `simple` is not.

A text goes to `bert` if the probability of `toxic` that `simple` gives lies in `[low, high]`. The band is the one of the
best mean ROC-AUC on the calibration rows among those whose mean cost is within the budget. What a text costs `bert` is
counted in its word pieces: the long ones are dear.
"""

import json

import numpy as np

from bert import pieces
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
    simple, bert = (calibration.natural_probabilities(settings, model, natural) for model in ("simple", "bert"))
    base = budget["simple_microseconds"] / budget["bert_microseconds"]
    read = pieces_read(settings, "natural")
    low, high = choose(simple, bert, natural.labels, read, budget["cost_share"] - base)
    asked = unsure(simple, low, high)
    share, share_of_pieces = float(asked.mean()), float(read[asked].sum() / read.sum())
    cost = share_of_pieces + base
    mixed = mix(simple, bert, low, high)
    score = np.rint(mixed[:, TOXIC] * 100)
    medium, top = calibration.cut_points(score, natural.labels[:, TOXIC], **settings["calibration"])
    found = calibration.already(
        medium,
        top,
        band={"low": low, "high": high},
        share_of_bert=round(share, 4),
        share_of_pieces=round(share_of_pieces, 4),
        cost_of_bert=round(cost, 4),
    )
    settings.calibration("auto").write_text(json.dumps(found, indent=2) + "\n")
    predictions.write(settings, "auto", "natural", predictions.logit(mixed))
    for path in sorted(settings.prediction("bert", "x").parent.glob("*.npz")):
        if path.stem != "natural" and settings.prediction("simple", path.stem).exists():
            pair = [predictions.probabilities(settings, model, path.stem) for model in ("simple", "bert")]
            predictions.write(settings, "auto", path.stem, predictions.logit(mix(*pair, low, high)))
    print(
        f"auto: bert decides where simple says {low:.4f} to {high:.4f}: {share:.1%} of rows, {share_of_pieces:.1%} of "
        f"pieces, {cost:.1%} of bert's cost"
    )
    shares = {"share_of_bert": share, "share_of_pieces": share_of_pieces, "cost_of_bert": cost}
    return {"low": low, "high": high, **shares}


def pieces_read(settings: Settings, name: str) -> np.ndarray:
    """How many pieces of each of a set's rows `bert` reads, [CLS] and [SEP] included."""
    most = settings["bert"]["max_pieces"]
    return np.array([len(pieces.framed(row, most)) for row in pieces.read(settings.pieces(name))])


def choose(
    simple: np.ndarray, bert: np.ndarray, labels: np.ndarray, read: np.ndarray, most: float
) -> tuple[float, float]:
    """The band of the best mean ROC-AUC among those whose rows hold at most the share `most` of all pieces.

    `simple`, `bert` and `labels` are [rows, 6], `read` the pieces of each row. The band's ends are rows' probabilities of
    `toxic` by `simple`.
    """
    order = np.argsort(simple[:, TOXIC], kind="stable")
    ordered, before = simple[order, TOXIC], np.concatenate([[0], np.cumsum(read[order])])
    best = (-1.0, 1.0, 1.0)
    for begin in np.linspace(0, len(ordered) - 1, STEPS, dtype=int):
        # The last row up to which the pieces are within the budget.
        end = int(np.searchsorted(before, before[begin] + most * before[-1], side="right")) - 2
        if end <= begin:
            continue
        low, high = float(ordered[begin]), float(ordered[end])
        if read[unsure(simple, low, high)].sum() > most * before[-1]:
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
