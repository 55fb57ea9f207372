"""Whether a server answers as tamis does, asked before anything is timed."""

import json
import re

import loads
from common import ROOT, Failure

# Probabilities are float32 summed in other orders, and tamis writes six digits of them.
TOLERANCE = 1e-5
PLAIN = re.compile(r"[A-Za-z0-9 ,;:?'()]+")
IRISES, FEWEST_TEXTS = 100, 5


def plain(text: str) -> bool:
    """Whether only those rules of normalisation concern `text` that the peers have: fold, spaces, digits."""
    lone = [len(word) == 1 for word in text.split(" ")]
    return (
        PLAIN.fullmatch(text) is not None
        and not re.search(r"(.)\1\1", text.lower())
        and not re.search(r"[a-z][0-9]", text.lower())
        and not any(a and b for a, b in zip(lone, lone[1:]))
    )


def questions() -> list[list | str]:
    """Rows from the models' golden files, and what the loads ask."""
    rows = json.loads((ROOT / "models/iris/golden.json").read_text())["rows"]
    irises = [row[0] for row in rows[:: max(1, len(rows) // IRISES)]]
    golden = json.loads((ROOT / "models/toxicity/simple.golden.json").read_text())["rows"]
    texts = [row["text"] for row in golden if plain(row.get("text", ""))]
    if len(texts) < FEWEST_TEXTS:
        raise Failure(f"models/toxicity/simple.golden.json has {len(texts)} plain texts; needed: {FEWEST_TEXTS}")
    return irises + texts + [load.asked for load in loads.LOADS]


def differences(asked: list | str, expected: list[float], found: list[float], same_model: bool) -> str | None:
    """What is wrong with the numbers `found`, in words. Of another model only that they are probabilities."""
    if len(found) != len(expected):
        return f"{len(found)} numbers, not {len(expected)}"
    if same_model:
        apart = max(abs(a - b) for a, b in zip(expected, found))
        return None if apart <= TOLERANCE else f"{found} where tamis says {expected}"
    probabilities = found[1:] if isinstance(asked, str) else found
    return None if all(0 <= value <= 1 for value in probabilities) else f"{found} are no probabilities"


def check(server, expected: list[tuple[list | str, list[float]]]) -> int:
    """Asks `server` all that it can answer and compares; how many answers agreed.

    Raises [`Failure`] with the first that does not.
    """
    agreed = 0
    for asked, numbers in expected:
        if isinstance(asked, str) and not server.peer.scores_texts:
            continue
        same_model = server.peer.same_text_model or not isinstance(asked, str)
        if wrong := differences(asked, numbers, server.numbers(asked), same_model):
            raise Failure(f"{server.peer.name} answers {asked!r:.80} with {wrong}")
        agreed += 1
    return agreed
