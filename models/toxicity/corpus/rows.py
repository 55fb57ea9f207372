"""Rows of text with their labels, and their files."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

LABELS = ["toxic", "severe_toxic", "obscene", "threat", "insult", "identity_hate"]
TOXIC, OBSCENE, THREAT, INSULT, IDENTITY_HATE = 0, 2, 3, 4, 5


@dataclass
class Rows:
    """Texts with their labels: `labels` is float32 [rows, 6], 0 or 1, NaN where a label is not known.

    `part` says what a row is for: `train`, `held_out`, or `fold N` of the natural rows. `group` is the set's own further
    division (a template, the row that another was made from), `kind` how the text came to be, empty where there is none.
    """

    texts: list[str]
    labels: np.ndarray
    part: list[str] = field(default_factory=list)
    group: list[str] = field(default_factory=list)
    kind: list[str] = field(default_factory=list)

    def __post_init__(self):
        self.labels = np.asarray(self.labels, np.float32)
        self.part = self.part or ["train"] * len(self.texts)
        self.group = self.group or [""] * len(self.texts)
        self.kind = self.kind or [""] * len(self.texts)
        if not len(self.texts) == len(self.labels) == len(self.part) == len(self.group) == len(self.kind):
            raise ValueError("columns of different lengths")

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, rows: np.ndarray) -> "Rows":
        """The rows at these positions, or where this mask is true."""
        at = np.flatnonzero(rows) if rows.dtype == bool else rows
        part, group, kind = ([column[i] for i in at] for column in (self.part, self.group, self.kind))
        return Rows([self.texts[i] for i in at], self.labels[at], part, group, kind)

    def parts(self) -> np.ndarray:
        """The column `part` as an array of strings."""
        return np.array(self.part, dtype=object)


def key(text: str) -> str:
    """What makes two texts the same row: neither case nor spacing does."""
    return " ".join(text.casefold().split())


def write(path: Path, rows: Rows) -> None:
    """One JSON array a line: text, labels (null: not known), part, group, kind."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        columns = zip(rows.texts, rows.labels, rows.part, rows.group, rows.kind, strict=True)
        for text, labels, *others in columns:
            known = [None if np.isnan(label) else float(label) for label in labels]
            file.write(json.dumps([text, known, *others], separators=(",", ":")) + "\n")


def read(path: Path) -> Rows:
    """The rows that `write` wrote."""
    with path.open(encoding="utf-8") as file:
        lines = [json.loads(line) for line in file]
    labels = np.array([line[1] for line in lines], dtype=np.float32).reshape(len(lines), len(LABELS))
    return Rows([line[0] for line in lines], labels, *([line[at] for line in lines] for at in (2, 3, 4)))
