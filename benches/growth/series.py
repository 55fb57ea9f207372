"""What grows, from where to where, and what is asked at each point."""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass

import common  # noqa: F401, through which harness is found
from harness.texts import FEATURES, TEXT_100, TEXT_400

SIMPLE = ["--workers", "1", "--bert", "off"]
BERT = ["--workers", "1", "--bert-threads", "1"]


@dataclass(frozen=True)
class Load:
    """One request, sent again and again."""

    title: str
    path: str
    body: str


@dataclass(frozen=True)
class Series:
    """One quantity that grows while all else stays. `load` is what is asked at a point; CPU is per request, so that the
    cost of one `unit` more is the slope."""

    name: str
    title: str
    axis: str
    unit: str
    points: list[int]
    load: Callable[[int], Load]
    settings: list[str]
    connections: int = 32


def prose(characters: int) -> str:
    """A text of so many characters, the beginning of every longer one: words of one text in an order of their own, because a
    text that repeats itself has fewer n-grams than its length promises."""
    words, chance = TEXT_400.split(), random.Random(1)
    text = ""
    while len(text) < characters:
        text += chance.choice(words) + " "
    return text[:characters]


def analyze(characters: int, **more: str) -> Load:
    """A text to score."""
    return _load("/analyze", {"text": prose(characters)} | more)


def predict(rows: int) -> Load:
    """Irises to classify, no two neighbours alike."""
    irises = [[round(value + at % 7 / 10, 1) for value in FEATURES] for at in range(rows)]
    return _load("/predict", {"features": irises})


def batch(texts: int) -> Load:
    """Texts of 100 characters to score at once."""
    long = prose(texts * 100)
    return _load("/analyze/batch", {"texts": [long[at * 100 : at * 100 + 100] for at in range(texts)]})


def _load(path: str, document: dict) -> Load:
    return Load(f"POST {path}", path, json.dumps(document, separators=(",", ":")))


SIZES = [
    Series(
        "text",
        "Length of a text, `simple`",
        "characters",
        "character",
        [25, 50, 100, 200, 500, 1000, 2000, 4000, 8000],
        analyze,
        SIMPLE,
    ),
    Series(
        "bert",
        "Length of a text, `bert`, four connections",
        "characters",
        "character",
        [10, 50, 100, 200, 350, 500],
        lambda characters: analyze(characters, model="bert"),
        BERT,
        4,
    ),
    Series("rows", "Rows of `/predict`", "rows", "row", [1, 4, 16, 64, 250, 1000], predict, SIMPLE),
    Series("batch", "Texts of `/analyze/batch`, 100 characters each", "texts", "text", [1, 8, 64, 256], batch, SIMPLE),
]
CONNECTIONS = Series(
    "connections",
    "Connections, `/predict`",
    "connections",
    "connection",
    [1, 4, 16, 64, 256, 1024, 4096],
    lambda _: Load("POST /predict", "/predict", json.dumps({"features": FEATURES})),
    [*SIMPLE, "--max-connections", "8192"],
)
# What the workers are asked: each request alone, so that the cores are all that they share.
SHARED = [
    Load("POST /predict", "/predict", json.dumps({"features": FEATURES})),
    Load("POST /analyze, 100 characters", "/analyze", json.dumps({"text": TEXT_100})),
]
# Long enough that the server is what is exhausted, not the client on the core beside it.
RATED = analyze(4000)
SHARES = [10, 25, 50, 75, 90, 100, 125, 150]
NAMES = [*(series.name for series in SIZES), "connections", "workers", "rate"]
