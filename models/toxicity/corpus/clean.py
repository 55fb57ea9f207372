"""Reads every set, drops repeated rows, and drops training rows that stand among those which the models are judged on."""

import json

import numpy as np

from corpus import rows, sources, synthetic, written
from corpus.rows import Rows
from settings import Settings


def run(settings: Settings) -> dict:
    """Writes `clean/SET.jsonl` and `clean/counts.json`; returns how many rows were kept and dropped in all."""
    sets = synthetic.load(settings.seed) if settings.smoke else _read(settings) | {"written": written.rows(settings.seed)}
    cleaned, dropped = clean(sets)
    for name, kept in cleaned.items():
        rows.write(settings.work / "clean" / f"{name}.jsonl", kept)
        print(f"{name}: {len(kept)} rows, {dropped[name]} dropped")
    counts = {name: {"kept": len(kept), "dropped": dropped[name]} for name, kept in cleaned.items()}
    (settings.work / "clean" / "counts.json").write_text(json.dumps(counts, indent=2) + "\n")
    return {"rows": sum(map(len, cleaned.values())), "dropped": sum(dropped.values())}


def clean(sets: dict[str, Rows]) -> tuple[dict[str, Rows], dict[str, int]]:
    """The sets without training rows that repeat (by `rows.key`) an earlier row of their set, a natural row or a held-out
    row, and without extra rows that bear a natural row's id; and how many that dropped from each."""
    judged = {rows.key(text) for text in sets["natural"].texts}
    for held in sets.values():
        judged |= {rows.key(text) for text, part in zip(held.texts, held.part, strict=True) if part == "held_out"}
    identities = set(sets["natural"].group)
    cleaned, dropped = {}, {}
    for name, found in sets.items():
        keep, seen = np.ones(len(found), bool), set()
        if name != "natural":
            for at, (text, part) in enumerate(zip(found.texts, found.part, strict=True)):
                if part == "held_out":
                    continue
                mark = rows.key(text)
                keep[at] = mark not in judged and mark not in seen
                seen.add(mark)
            if name == "extra":
                keep &= np.array([identity not in identities for identity in found.group], bool)
        cleaned[name], dropped[name] = found.take(keep), int((~keep).sum())
    return cleaned, dropped


def _read(settings: Settings) -> dict[str, Rows]:
    present = json.loads((settings.work / "sources.json").read_text())["sets"]
    return {
        source.name: sources.load(settings.work / "raw", source) for source in sources.SOURCES if source.name in present
    }
