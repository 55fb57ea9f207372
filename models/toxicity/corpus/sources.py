"""The data sets: their files under the data directory, how each is read, its licence, and where anyone gets it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from corpus.rows import IDENTITY_HATE, LABELS, TOXIC, Rows


@dataclass(frozen=True)
class Source:
    """One file of a data set. `labels` makes float32 [rows, 6] of the frame, NaN where a label is not known; `group`
    names the column that divides the set further, `kind` the one that says how the text came to be; `part` gives every
    row's part where the set itself says it."""

    name: str
    file: str
    text: str
    labels: Callable[[pd.DataFrame], np.ndarray]
    licence: str
    origin: str
    group: str | None = None
    kind: str | None = None
    part: Callable[[pd.DataFrame], list[str]] | None = None
    required: bool = False


def six(frame: pd.DataFrame) -> np.ndarray:
    """The six Jigsaw columns."""
    return frame[LABELS].to_numpy(np.float32)


def toxic_alone(mask: pd.Series) -> np.ndarray:
    """`toxic` from a mask; the other labels are not known."""
    out = np.full((len(mask), len(LABELS)), np.nan, np.float32)
    out[:, TOXIC] = mask.to_numpy(np.float32)
    return out


def hate(frame: pd.DataFrame) -> np.ndarray:
    """Hate or not: both `toxic` and `identity_hate`."""
    out = toxic_alone(frame.label == 1)
    out[:, IDENTITY_HATE] = out[:, TOXIC]
    return out


def calm(mask: pd.Series) -> np.ndarray:
    """`toxic` from a mask, and none of the six where it is 0: comments of the same kind as Jigsaw's."""
    out = toxic_alone(mask)
    out[out[:, TOXIC] == 0] = 0
    return out


def french_sentiment(frame: pd.DataFrame) -> np.ndarray:
    """MLMA's sentiments: toxic with any of four, not toxic if `normal` alone, else nothing known."""
    bad = {"offensive", "hateful", "abusive", "disrespectful"}
    found = frame.sentiment.map(lambda value: bool(bad & set(value.split("_"))))
    out = toxic_alone(found)
    out[~(found | (frame.sentiment == "normal")).to_numpy()] = np.nan
    return out


def always(part: str) -> Callable[[pd.DataFrame], list[str]]:
    """Every row in the same part."""
    return lambda frame: [part] * len(frame)


WIKIPEDIA = "annotations CC0-1.0, text CC BY-SA 3.0"
JIGSAW = "Kaggle, jigsaw-toxic-comment-classification-challenge"
CIVIL = "github.com/ipavlopoulos/toxic_spans"
TALK = "github.com/ipavlopoulos/context_toxicity"
DEBIAS = "github.com/conversationai/unintended-ml-bias-analysis"
DYNAHATE = "github.com/bvidgen/Dynamically-Generated-Hate-Speech-Dataset"
BERKELEY = "huggingface.co/datasets/ucberkeley-dlab/measuring-hate-speech"
MLMA = "github.com/HKUST-KnowComp/MLMA_hate_speech"
HELD = always("held_out")

SOURCES = [
    Source(
        "natural", "jigsaw/train_rows_00000-09999.csv.xz", "comment_text", six, WIKIPEDIA, JIGSAW, "id", required=True
    ),
    Source(
        "extra", "jigsaw/train_extra.csv.xz", "comment_text", six, WIKIPEDIA, JIGSAW, "id", "text_kind", required=True
    ),
    Source("dynahate_train", "dynahate/train.csv.xz", "text", hate, "CC BY 4.0", DYNAHATE),
    Source("dynahate_dev", "dynahate/dev.csv.xz", "text", hate, "CC BY 4.0", DYNAHATE, part=HELD),
    Source("hate_speech_train", "measuring-hate-speech/train.csv.xz", "text", hate, "CC BY 4.0", BERKELEY),
    Source("hate_speech_dev", "measuring-hate-speech/dev.csv.xz", "text", hate, "CC BY 4.0", BERKELEY, part=HELD),
    Source(
        "spans_train", "toxic-spans/tsd_train.csv.xz", "text", lambda f: toxic_alone(f.spans != "[]"), "CC0-1.0", CIVIL
    ),
    Source("wiki_context_gc", "wiki-context/gc.csv.xz", "text", lambda f: calm(f.label >= 0.5), "Apache-2.0", TALK),
    Source(
        "wiki_context_gn",
        "wiki-context/gn.csv.xz",
        "text",
        lambda f: calm(f.label >= 0.5),
        "Apache-2.0",
        TALK,
        part=HELD,
    ),
    Source(
        "wiki_debias",
        "wiki-debias/toxicity_debiasing_data.csv.xz",
        "comment",
        lambda f: np.zeros((len(f), len(LABELS)), np.float32),
        "CC BY 4.0, text CC BY-SA 3.0",
        DEBIAS,
        part=lambda f: ["train" if split == "train" else "held_out" for split in f.split],
        group="split",
    ),
    Source("mlma_fr", "mlma/fr_dataset.csv.xz", "tweet", french_sentiment, "MIT", MLMA),
    Source("jigsaw_fr", "jigsaw-fr/jigsaw_fr_en.csv.xz", "text_fr", six, WIKIPEDIA, "AxelDlv00/ToxiFrench", "text_en"),
    Source(
        "davidson",
        "davidson/labeled_data.csv.xz",
        "tweet",
        lambda f: toxic_alone(f["class"] < 2),
        "MIT",
        "github.com/t-davidson/hate-speech-and-offensive-language",
        part=HELD,
    ),
    Source(
        "madlibs",
        "madlibs/bias_madlibs_77k.csv.xz",
        "Text",
        lambda f: toxic_alone(f.Label == "BAD"),
        "CC BY 4.0",
        DEBIAS,
        "Template",
        part=HELD,
    ),
]


def load(directory: Path, source: Source) -> Rows:
    """Reads one file whole, but for rows without text or without any label."""
    frame = pd.read_csv(directory / source.file)
    frame = frame[frame[source.text].notna()]
    part = source.part(frame) if source.part else []
    group, kind = (
        [str(value) for value in frame[column]] if column else [] for column in (source.group, source.kind)
    )
    rows = Rows(frame[source.text].tolist(), source.labels(frame), part, group, kind)
    return rows.take(~np.isnan(rows.labels).all(axis=1))
