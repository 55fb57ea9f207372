"""Rows to train and to evaluate on: the Jigsaw files, or synthetic ones for a smoke run."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

LABELS = ["toxic", "severe_toxic", "obscene", "threat", "insult", "identity_hate"]

NATURAL = "jigsaw/train_rows_00000-09999.csv.xz"
EXTRA = "jigsaw/train_extra.csv.xz"
FRENCH = "jigsaw-fr/jigsaw_fr_en.csv.xz"


@dataclass
class Rows:
    """Texts with their labels: `labels` is [rows, 6], 0 or 1."""

    texts: list[str]
    labels: np.ndarray


@dataclass
class Data:
    """`natural` has the label rates of the source and is what metrics are measured on; `extra` only trains."""

    natural: Rows
    extra: Rows
    french: Rows | None
    dropped: int
    files: dict[str, str]


def load(directory: Path) -> Data:
    """Reads the data files under `directory` and drops extra rows that repeat a natural row by id or by text."""
    natural, extra = pd.read_csv(directory / NATURAL), pd.read_csv(directory / EXTRA)
    known = set(natural.comment_text.map(_key))
    repeated = extra.id.isin(set(natural.id)) | extra.comment_text.map(_key).isin(known)
    files = {name: _sha256(directory / name) for name in (NATURAL, EXTRA)}
    french = None
    if (directory / FRENCH).exists():
        frame = pd.read_csv(directory / FRENCH)
        french = Rows(frame.text_fr.tolist(), frame[LABELS].to_numpy(np.float32))
    return Data(_rows(natural), _rows(extra[~repeated]), french, int(repeated.sum()), files)


def synthetic(seed: int = 0) -> Data:
    """A few hundred inoffensive rows in which a word of its own marks each label, so that a model can be learnt."""
    random = np.random.default_rng(seed)
    plain = "the a page edit thanks article please see talk source link history name list user add good work".split()
    marks = ["grumpy", "thunderous", "muddy", "looming", "silly", "prickly"]

    def rows(count: int, rate: float) -> Rows:
        labels = (random.random((count, len(LABELS))) < rate).astype(np.float32)
        labels[:, 0] = np.maximum(labels[:, 0], labels[:, 1:].max(axis=1))
        texts = []
        for row in labels:
            words = list(random.choice(plain, size=random.integers(4, 30)))
            words += [mark for mark, label in zip(marks, row, strict=True) if label]
            texts.append(" ".join(random.permutation(words)))
        return Rows(texts, labels)

    return Data(rows(400, 0.1), rows(400, 0.3), None, 0, {})


def _rows(frame: pd.DataFrame) -> Rows:
    return Rows(frame.comment_text.tolist(), frame[LABELS].to_numpy(np.float32))


def _key(text: str) -> str:
    return " ".join(text.casefold().split())


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
