"""Synthetic inoffensive rows for a smoke run: a word of its own marks each label, so that a model can be learnt."""

import numpy as np

from corpus.rows import LABELS, Rows

PLAIN = "the a page edit thanks article please see talk source link history name list user add good work".split()
MARKS = ["grumpy", "thunderous", "muddy", "looming", "silly", "prickly"]
TERMS = ["young", "old", "canadian"]

# Sets, rows, share of each label's positives, and the labels that the set knows.
SETS = {
    "natural": (400, 0.1, range(6)),
    "extra": (400, 0.3, range(6)),
    "dynahate_train": (120, 0.4, (0, 5)),
    "dynahate_dev": (60, 0.4, (0, 5)),
    "hate_speech_train": (60, 0.4, (0, 5)),
    "hate_speech_dev": (60, 0.4, (0, 5)),
    "spans_train": (40, 0.9, (0,)),
    "wiki_context_gc": (60, 0.05, range(6)),
    "wiki_context_gn": (60, 0.05, range(6)),
    "wiki_debias": (60, 0.0, range(6)),
    "mlma_fr": (80, 0.5, (0,)),
    "jigsaw_fr": (80, 0.4, range(6)),
    "davidson": (60, 0.5, (0,)),
    "madlibs": (120, 0.5, (0,)),
}


# Rows of `extra` that cleaning must drop: two repeat natural rows but for case and spacing, one bears a natural row's id,
# and one repeats another row of `extra`.
REPEATED = 4


def load(seed: int) -> dict[str, Rows]:
    """Every set of `sources.SOURCES`, made up; the same seed gives the same rows."""
    random = np.random.default_rng(seed)
    sets = {name: _rows(name, *shape, random) for name, shape in SETS.items()}
    natural, extra = sets["natural"], sets["extra"]
    extra.texts += [natural.texts[0].upper(), "  " + natural.texts[1], "a page of its own", extra.texts[0]]
    extra.labels = np.vstack([extra.labels, natural.labels[:3], extra.labels[:1]])
    extra.part += ["train"] * REPEATED
    extra.group += ["a", "b", natural.group[2], "d"]
    extra.kind = [("raw", "cleaned")[at % 3 == 0] for at in range(len(extra))]
    return sets


def _rows(name: str, count: int, rate: float, known: range | tuple, random: np.random.Generator) -> Rows:
    labels = (random.random((count, len(LABELS))) < rate).astype(np.float32)
    if len(known) == len(LABELS):
        labels[:, 0] = np.maximum(labels[:, 0], labels[:, 1:].max(axis=1))
    else:
        # A set of hate, or of `toxic` alone: both words mark its positive rows.
        labels[:, 1:-1], labels[:, -1] = 0, labels[:, 0]
    texts = []
    for at, row in enumerate(labels):
        words = list(random.choice(PLAIN, size=random.integers(4, 30)))
        words += [mark for mark, label in zip(MARKS, row, strict=True) if label]
        words += [TERMS[at % len(TERMS)]] if name in ("madlibs", "wiki_debias") else []
        texts.append(" ".join(random.permutation(words)))
    unknown = [label for label in range(len(LABELS)) if label not in known]
    labels[:, unknown] = np.nan
    held = "held_out" if name.endswith(("_dev", "_gn")) or name in ("davidson", "madlibs") else "train"
    part = [held] * count if name != "wiki_debias" else ["train", "held_out"] * (count // 2)
    group = [f"{name} {at}" for at in range(count)] if name in ("natural", "extra") else []
    return Rows(texts, labels, part, group)
