"""Rows to train and to evaluate on: the Jigsaw files, or synthetic ones for a smoke run."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

LABELS = ["toxic", "severe_toxic", "obscene", "threat", "insult", "identity_hate"]

NATURAL = "jigsaw/train_rows_00000-09999.csv.xz"
EXTRA = "jigsaw/train_extra.csv.xz"

# Sets that no row is trained on: name, file, text column, and which rows are toxic there.
ELSEWHERE = [
    ("french_machine_translated", "jigsaw-fr/jigsaw_fr_en.csv.xz", "text_fr", lambda frame: frame.toxic == 1),
    ("french_tweets", "mlma/fr_dataset.csv.xz", "tweet", lambda frame: frame.sentiment != "normal"),
    ("english_tweets", "davidson/labeled_data.csv.xz", "tweet", lambda frame: frame["class"] < 2),
    ("identity_templates", "madlibs/bias_madlibs_77k.csv.xz", "Text", lambda frame: frame.Label == "BAD"),
    ("talk_comments", "wiki-context/gn.csv.xz", "text", lambda frame: frame.label >= 0.5),
]


@dataclass
class Rows:
    """Texts with their labels: `labels` is [rows, 6], 0 or 1; [rows, 1] where only `toxic` is known."""

    texts: list[str]
    labels: np.ndarray


@dataclass
class Data:
    """`natural` has the label rates of the source and is what metrics are measured on; `extra` only trains; `elsewhere`
    holds other sets by name, to see how far the model carries."""

    natural: Rows
    extra: Rows
    elsewhere: dict[str, Rows]
    dropped: int
    files: dict[str, str]


def load(directory: Path) -> Data:
    """Reads the data files under `directory` and drops extra rows that repeat a natural row by id or by text."""
    natural, extra = pd.read_csv(directory / NATURAL), pd.read_csv(directory / EXTRA)
    known = set(natural.comment_text.map(_key))
    repeated = extra.id.isin(set(natural.id)) | extra.comment_text.map(_key).isin(known)
    files = {name: _sha256(directory / name) for name in (NATURAL, EXTRA)}
    return Data(_rows(natural), _rows(extra[~repeated]), _elsewhere(directory), int(repeated.sum()), files)


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

    return Data(rows(400, 0.1), rows(400, 0.3), {"again": rows(50, 0.3)}, 0, {})


def _rows(frame: pd.DataFrame) -> Rows:
    return Rows(frame.comment_text.tolist(), frame[LABELS].to_numpy(np.float32))


def _elsewhere(directory: Path) -> dict[str, Rows]:
    found = {}
    for name, file, column, toxic in ELSEWHERE:
        if (directory / file).exists():
            frame = pd.read_csv(directory / file)
            frame = frame[frame[column].notna()]
            found[name] = Rows(frame[column].tolist(), toxic(frame).to_numpy(np.float32)[:, None])
    return found


def _key(text: str) -> str:
    return " ".join(text.casefold().split())


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
