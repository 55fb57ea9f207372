"""Sentences written for this project: about groups of people, insults, threats, and everyday talk, English and French.

Comments that name a group are toxic more often than others, so a model learns that the name is (Dixon et al. 2018). Here every
name stands, as an adjective, a noun and a plural, in harmless and in hateful sentences alike: what differs is what is said. None
of the sentences is one of the templates that bias is measured by.

`written/SORT.LANGUAGE.txt` has one sentence a line. A slot in it is filled from `words.LANGUAGE.txt` (slot, then its words) or,
if it is a form of a group's name, from `groups.LANGUAGE.txt` (adjective, noun, plural).
"""

import re
from pathlib import Path

import numpy as np

from corpus.rows import IDENTITY_HATE, INSULT, LABELS, THREAT, TOXIC, Rows

FOLDER = Path(__file__).parent / "written"
FORMS = ("adjective", "noun", "plural")
# Labels that a sort of sentence has and those that it has not; the others are not known. A sort without labels has none of six.
SORTS = {
    "harmless": ((), range(len(LABELS))),
    "everyday": ((), range(len(LABELS))),
    "hateful": ((TOXIC, IDENTITY_HATE), ()),
    "insults": ((TOXIC, INSULT), (IDENTITY_HATE, THREAT)),
    "threats": ((TOXIC, THREAT), (IDENTITY_HATE,)),
}
# How often a sentence that names no group is filled anew; the same text twice is one row.
FILLINGS = {"en": 12, "fr": 8}


def rows(seed: int) -> Rows:
    """Every sentence with every group of its language, its other slots filled at random; `kind` is SORT.LANGUAGE."""
    random = np.random.default_rng(seed)
    texts, labels, kinds = [], [], []
    for language, fillings in FILLINGS.items():
        words = {line[0]: line[1:] for line in _table(f"words.{language}")}
        groups = [dict(zip(FORMS, line, strict=True)) for line in _table(f"groups.{language}")]
        for sort, (present, absent) in SORTS.items():
            known = np.full(len(LABELS), np.nan, np.float32)
            known[list(absent)] = 0
            known[list(present)] = 1
            path = FOLDER / f"{sort}.{language}.txt"
            for sentence in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
                names = groups if any(f"{{{form}}}" in sentence for form in FORMS) else [{}] * fillings
                made = list(dict.fromkeys(_fill(sentence, name, words, language, random) for name in names))
                texts += made
                labels += [known] * len(made)
                kinds += [f"{sort}.{language}"] * len(made)
    return Rows(texts, np.array(labels), kind=kinds)


def _table(name: str) -> list[list[str]]:
    lines = (FOLDER / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return [[cell.strip() for cell in line.split("|")] for line in lines]


def _fill(sentence: str, name: dict[str, str], words: dict[str, list[str]], language: str, random: np.random.Generator) -> str:
    """The sentence with its slots filled; the English article and plurals in -s follow the word."""

    def word(slot: re.Match) -> str:
        return name.get(slot[1]) or str(random.choice(words[slot[1]]))

    text = re.sub(r"\{(\w+)\}", word, sentence)
    if language == "en":
        text = re.sub(r"\b([Aa]) (?=[aeio]|u(?!s|n[ai]))(?!eu)", r"\1n ", text)
    else:
        text = re.sub(r"(?<=[sx])s\b(?=\W|$)", "", text) if "}s" in sentence else text
    return text[0].upper() + text[1:]
