"""A training mixture: which rows of which sets, with which labels and weights, in which pass."""

from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np

from corpus import rows
from corpus.rows import IDENTITY_HATE, LABELS, OBSCENE, TOXIC
from evaluation import predictions
from settings import Settings

# What a network may learn beside the six labels: hate as the sets of hate mean it, with or without swear words.
AUXILIARY = ["hate"]


@dataclass
class Share:
    """What one entry of the mixture gives: positions in its set, `labels` and `weights` float32 [rows, labels] (weight 0
    where a label is not known), and the pass of each row."""

    name: str
    at: np.ndarray
    labels: np.ndarray
    weights: np.ndarray
    epoch: np.ndarray


def assemble(
    settings: Settings,
    entries: list[dict],
    labels: int = len(LABELS),
    seed: int | None = None,
    without: tuple[str, ...] = (),
) -> list[Share]:
    """The shares of all entries whose sets are there; a row that is to be read twice stands twice.

    `labels` is how many of `LABELS` and `AUXILIARY` there are; `seed` is the settings' unless another is given. Rows of the
    parts `without`, and held-out ones, are left out.
    """
    random = np.random.default_rng(settings.seed if seed is None else seed)
    shares = [_share(settings, entry, labels, random, without) for entry in entries if settings.rows(entry["set"]).exists()]
    for share in shares:
        print(f"mixture: {share.name} {len(share.at)} rows", flush=True)
    return shares


def _share(
    settings: Settings, entry: dict, count: int, random: np.random.Generator, without: tuple[str, ...]
) -> Share:
    name, epochs = entry["set"], entry.get("epochs", [0])
    found = rows.read(settings.rows(name))
    keep = ~np.isin(found.parts(), ["held_out", *without])
    if entry.get("positive_only"):
        keep &= found.labels[:, TOXIC] > 0
    if "kind" in entry:
        keep &= np.array([fnmatchcase(kind, entry["kind"]) for kind in found.kind], bool)
    at = np.flatnonzero(keep)
    labels = found.labels[at]
    if "teacher" in entry:
        labels = predictions.probabilities(settings, entry["teacher"], name)[at].astype(np.float32)
    labels = np.column_stack([labels, hate(labels)])[:, :count]
    weights = np.where(np.isnan(labels), 0, _weight(entry)[:count]).astype(np.float32)
    if "unsure" in entry:
        obscene = predictions.probabilities(settings, "simple", name)[at][:, OBSCENE]
        weights[(labels[:, TOXIC] == 0) & (obscene >= entry["unsure"]), TOXIC] = 0
    labels = np.nan_to_num(labels)
    chosen = _passes(len(at), len(epochs), entry.get("share"), random)
    order = np.concatenate(chosen)
    epoch = np.repeat(epochs, [len(rows_of) for rows_of in chosen])
    return Share(name, at[order], labels[order], weights[order], epoch)


def hate(labels: np.ndarray) -> np.ndarray:
    """The auxiliary label from the six, [rows]: 1 where `identity_hate` is 1, 0 where `toxic` is 0, else not known."""
    return np.where(labels[:, IDENTITY_HATE] == 1, 1, np.where(labels[:, TOXIC] == 0, 0, np.nan)).astype(np.float32)


def _passes(count: int, passes: int, share: float | None, random: np.random.Generator) -> list[np.ndarray]:
    """The rows of each pass: all of them, or a share of them that no other pass has."""
    if share is None:
        return [np.arange(count)] * passes
    if share * passes > 1 + 1e-9:
        raise ValueError(f"{passes} passes cannot have {share} of the rows each and none in common")
    drawn = random.random(count)
    return [np.flatnonzero((drawn >= number * share) & (drawn < (number + 1) * share)) for number in range(passes)]


def _weight(entry: dict) -> np.ndarray:
    weight = entry["weight"]
    six = [weight.get(label, 0.0) for label in LABELS] if isinstance(weight, dict) else [weight] * len(LABELS)
    return np.array([*six, entry.get("hate", 0.0)], np.float32)
