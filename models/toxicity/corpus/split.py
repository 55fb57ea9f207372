"""Says what each row is for: folds of the natural rows, held-out parts of the French sets; and obfuscated rows."""

import zlib

import numpy as np

from corpus import obfuscation, rows
from corpus.rows import TOXIC, Rows
from settings import Settings


def run(settings: Settings) -> dict:
    """Writes `rows/SET.jsonl` for every set, and `rows/natural.RULE.jsonl` for every rule of obfuscation."""
    corpus = settings["corpus"]
    sets = {path.stem: rows.read(path) for path in sorted((settings.work / "clean").glob("*.jsonl"))}
    natural = sets["natural"]
    natural.part = [f"fold {at % corpus['folds']}" for at in range(len(natural))]
    known = {rows.key(text) for text in natural.texts}
    for name in ("mlma_fr", "jigsaw_fr"):
        if name in sets:
            sets[name].part = french_parts(sets[name], corpus["french_held_out"], known)
    for rule, positives in obfuscated(natural, sets["extra"], settings.seed).items():
        sets[f"natural.{rule}"] = positives
    for name, found in sets.items():
        rows.write(settings.rows(name), found)
    held = sum(part == "held_out" for found in sets.values() for part in found.part)
    return {"sets": len(sets), "held_out": held}


def french_parts(found: Rows, one_in: int, natural: set[str]) -> list[str]:
    """Holds out one row in `one_in`, by the CRC-32 of its text, and every row that is a natural row's translation."""
    return [
        "held_out" if zlib.crc32(text.encode()) % one_in == 0 or rows.key(origin) in natural else "train"
        for text, origin in zip(found.texts, found.group, strict=True)
    ]


def obfuscated(natural: Rows, extra: Rows, seed: int) -> dict[str, Rows]:
    """The toxic natural rows under each rule, `group` the position of the row that each was made from."""
    positive = np.flatnonzero(natural.labels[:, TOXIC] > 0)
    words = obfuscation.marked_words(extra.texts, extra.labels[:, TOXIC] > 0)
    out = {}
    for rule in obfuscation.RULES:
        made = natural.take(positive)
        made.texts = [
            obfuscation.apply(rule, text, words, seed + int(at)) for at, text in zip(positive, made.texts, strict=True)
        ]
        made.group = [str(at) for at in positive]
        out[rule] = made
    return out
