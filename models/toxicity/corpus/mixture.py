"""A training mixture: which rows of which sets, with which labels and weights, in which pass."""

from dataclasses import dataclass

import numpy as np

from corpus import rows
from corpus.rows import LABELS, OBSCENE, TOXIC
from evaluation import predictions
from settings import Settings


@dataclass
class Share:
    """What one entry of the mixture gives: positions in its set, `labels` and `weights` float32 [rows, 6] (weight 0 where
    a label is not known), and the pass of each row."""

    name: str
    at: np.ndarray
    labels: np.ndarray
    weights: np.ndarray
    epoch: np.ndarray


def assemble(settings: Settings, entries: list[dict]) -> list[Share]:
    """The shares of all entries whose sets are there; a row that is to be read twice stands twice."""
    random = np.random.default_rng(settings.seed)
    shares = [_share(settings, entry, random) for entry in entries if settings.rows(entry["set"]).exists()]
    for share in shares:
        print(f"mixture: {share.name} {len(share.at)} rows", flush=True)
    return shares


def _share(settings: Settings, entry: dict, random: np.random.Generator) -> Share:
    name = entry["set"]
    found = rows.read(settings.rows(name))
    keep = found.parts() == "train"
    if entry.get("positive_only"):
        keep &= found.labels[:, TOXIC] > 0
    at = np.flatnonzero(keep)
    labels = found.labels[at]
    if "teacher" in entry:
        labels = predictions.probabilities(settings, entry["teacher"], name)[at].astype(np.float32)
    weights = np.where(np.isnan(labels), 0, _weight(entry["weight"])).astype(np.float32)
    if "unsure" in entry:
        obscene = predictions.probabilities(settings, "simple", name)[at][:, OBSCENE]
        weights[(labels[:, TOXIC] == 0) & (obscene >= entry["unsure"]), TOXIC] = 0
    labels = np.nan_to_num(labels)
    epochs = entry.get("epochs", [0])
    if epochs == "alternate":
        return Share(name, at, labels, weights, random.integers(0, 2, len(at)))
    repeat = len(epochs)
    return Share(
        name,
        np.tile(at, repeat),
        np.tile(labels, (repeat, 1)),
        np.tile(weights, (repeat, 1)),
        np.repeat(epochs, len(at)),
    )


def _weight(weight: float | dict[str, float]) -> np.ndarray:
    if isinstance(weight, dict):
        return np.array([weight.get(label, 0.0) for label in LABELS], np.float32)
    return np.full(len(LABELS), weight, np.float32)
