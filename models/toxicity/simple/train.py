"""Trains `simple`: one model for each fold of the natural rows, and the one that ships on all of them."""

import numpy as np
import scipy.sparse as sp

from corpus import mixture, rows
from corpus.rows import Rows
from evaluation import metrics, predictions
from settings import Settings
from simple import features
from simple.model import COUNT, Bag, train


def run(settings: Settings) -> dict:
    """Writes `simple/bag.npz` and the predictions of every set; returns the cross-validated mean ROC-AUC.

    The natural rows, plain and obfuscated, are predicted by the model of their fold, which has not seen them.
    """
    knobs = settings["simple"]
    natural = rows.read(settings.rows("natural"))
    inputs = features.matrix(features.ids(settings.tamis, natural.texts))
    more, labels, weights = _mixture(settings, knobs["mixture"])
    parts = natural.parts()
    ones = np.ones_like(natural.labels)

    def fit(chosen: np.ndarray) -> Bag:
        stacked = [sp.vstack([more, inputs[chosen]]).tocsr(), np.vstack([labels, natural.labels[chosen]])]
        return train(*stacked, np.vstack([weights, ones[chosen]]), knobs["c"], knobs["naive_bayes"], knobs["workers"])

    bags, logits = {}, np.empty((len(natural), COUNT))
    for fold in sorted(set(parts)):
        held_out = parts == fold
        bags[fold] = fit(~held_out)
        logits[held_out] = bags[fold].logits(inputs[held_out])
        auc = metrics.per_label(logits[held_out], natural.labels[held_out])["mean_roc_auc"]
        print(f"{fold} of {len(set(parts))}: mean ROC-AUC {auc:.5f}", flush=True)
    predictions.write(settings, "simple", "natural", logits)
    final = fit(np.ones(len(natural), bool))
    final.save(settings.work / "simple" / "bag.npz")
    for path in sorted((settings.work / "rows").glob("*.jsonl")):
        if path.stem != "natural":
            predictions.write(settings, "simple", path.stem, _predict(settings, rows.read(path), bags, final))
    mean = metrics.per_label(logits, natural.labels)["mean_roc_auc"]
    print(f"cross-validated mean ROC-AUC {mean:.5f}")
    return {"mean_roc_auc": mean, "rows": int(more.shape[0] + len(natural))}


def _mixture(settings: Settings, entries: list[dict]) -> tuple[sp.csr_matrix, np.ndarray, np.ndarray]:
    matrices, labels, weights = [], [], []
    for share in mixture.assemble(settings, entries):
        texts = rows.read(settings.rows(share.name)).texts
        matrices.append(features.matrix(features.ids(settings.tamis, [texts[at] for at in share.at])))
        labels.append(share.labels)
        weights.append(share.weights)
    return sp.vstack(matrices).tocsr(), np.vstack(labels), np.vstack(weights)


def _predict(settings: Settings, found: Rows, bags: dict[str, Bag], final: Bag) -> np.ndarray:
    """[rows, 6]: rows of a fold by the fold's model, all others by the final one."""
    inputs = features.matrix(features.ids(settings.tamis, found.texts))
    parts, out = found.parts(), final.logits(inputs)
    for fold, bag in bags.items():
        if (parts == fold).any():
            out[parts == fold] = bag.logits(inputs[parts == fold])
    return out
