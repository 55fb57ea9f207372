"""Training rows as batches of like length."""

from dataclasses import dataclass

import numpy as np

from bert import pieces
from corpus import mixture
from settings import Settings

CHUNK = 64


@dataclass
class Batches:
    """`rows[b]` are the positions of batch b in `ids` (a list of int64 arrays), `labels` and `weights` (float32
    [rows, labels]). `done[b]` is the share of all padded pieces up to and including batch b."""

    ids: list[np.ndarray]
    labels: np.ndarray
    weights: np.ndarray
    rows: list[np.ndarray]
    pieces: np.ndarray
    done: np.ndarray

    def padded(self, batch: int) -> tuple[np.ndarray, np.ndarray]:
        """The batch's ids int64 [rows, longest], filled up with 0, and its rows' lengths."""
        found = [self.ids[row] for row in self.rows[batch]]
        lengths = np.array([len(row) for row in found])
        out = np.zeros((len(found), lengths.max()), np.int64)
        for at, row in enumerate(found):
            out[at, : len(row)] = row
        return out, lengths


def make(settings: Settings, shares: list[mixture.Share], seed: int) -> Batches:
    """Shuffles each pass, sorts stretches of it by length, cuts them into batches and shuffles these; fixed by the seed."""
    knobs, random = settings["bert"], np.random.default_rng(seed)
    ids = []
    for share in shares:
        stored = pieces.read(settings.pieces(share.name))
        ids += [pieces.framed(stored[at], knobs["train_pieces"]) for at in share.at]
    lengths = np.array([len(row) for row in ids])
    epoch = np.concatenate([share.epoch for share in shares])
    size, chosen = knobs["batch"], []
    for number in np.unique(epoch):
        order, within = random.permutation(np.flatnonzero(epoch == number)), []
        for begin in range(0, len(order), size * CHUNK):
            chunk = order[begin : begin + size * CHUNK]
            chunk = chunk[np.argsort(lengths[chunk], kind="stable")]
            within += [chunk[at : at + size] for at in range(0, len(chunk), size)]
        chosen += [within[at] for at in random.permutation(len(within))]
    counts = np.array([lengths[rows].max() * len(rows) for rows in chosen])
    labels = np.concatenate([share.labels for share in shares])
    weights = np.concatenate([share.weights for share in shares])
    return Batches(ids, labels, weights, chosen, counts, np.cumsum(counts) / counts.sum())
