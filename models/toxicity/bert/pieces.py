"""Word pieces of every set's rows, cut by the daemon, so that training sees exactly what serving sees."""

import subprocess
import zlib
from collections.abc import Callable

import numpy as np

from corpus import rows
from settings import HERE, Settings
from simple import features

CLS, SEP = 101, 102
MOST = 510


def run(settings: Settings) -> dict:
    """Writes `pieces/SET.npz` for every set; returns the number of pieces."""
    total, cut = 0, _daemon(settings)
    for path in sorted((settings.work / "rows").glob("*.jsonl")):
        found = cut(rows.read(path).texts)
        total += sum(map(len, found))
        write(settings.pieces(path.stem), found)
        print(f"{path.stem}: {len(found)} rows, {np.mean([len(x) for x in found]):.1f} pieces on average", flush=True)
    return {"pieces": total}


def write(path, found: list[np.ndarray]) -> None:
    """Ids end to end, uint16, and where each row begins."""
    path.parent.mkdir(parents=True, exist_ok=True)
    starts = np.concatenate([[0], np.cumsum([len(row) for row in found])]).astype(np.int64)
    np.savez_compressed(path, ids=np.concatenate([*found, np.empty(0, np.uint16)]).astype(np.uint16), starts=starts)


def read(path) -> list[np.ndarray]:
    """The ids of each row, without [CLS] and [SEP], at most 510."""
    stored = np.load(path)
    ids, starts = stored["ids"], stored["starts"]
    return [ids[begin:end] for begin, end in zip(starts[:-1], starts[1:], strict=True)]


def framed(row: np.ndarray, most: int) -> np.ndarray:
    """[CLS], the row's first pieces, [SEP]: int64, at most `most`."""
    return np.concatenate([[CLS], row[: most - 2], [SEP]]).astype(np.int64)


def cut(settings: Settings, texts: list[str]) -> list[np.ndarray]:
    """The pieces of texts that are in no set, without [CLS] and [SEP]."""
    return _daemon(settings)(texts)


def _daemon(settings: Settings) -> Callable[[list[str]], list[np.ndarray]]:
    """`tamis pieces`, without its [CLS] and [SEP]; a text with nothing to score has no pieces.

    A smoke run on a binary without that subcommand takes each word for a piece.
    """
    vocabulary = str(HERE / settings["export"]["vocabulary"])
    command = ("pieces", "--vocabulary", vocabulary, "--max", str(MOST + 2))
    probe = subprocess.run([settings.tamis, *command], input=b'"a"\n', capture_output=True)
    if probe.returncode == 0:
        return lambda texts: [row[1:-1] for row in features.ids(settings.tamis, texts, command)]
    if not settings.smoke:
        raise SystemExit(f"`tamis {' '.join(command)}` fails: {probe.stderr.decode()}")
    print("this binary cuts no pieces: each word of the synthetic rows is one")
    return lambda texts: [
        np.array([1000 + zlib.crc32(word.encode()) % 1000 for word in text.split()][:MOST], np.uint32) for text in texts
    ]
