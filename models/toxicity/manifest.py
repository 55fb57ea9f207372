"""A model's manifest: the TOML file that `src/model/manifest.rs` reads."""

import hashlib
import json
from pathlib import Path

from corpus.rows import LABELS
from settings import Settings
from simple.features import FEATURE_SPEC, HASH_BITS

HERE = Path(__file__).parent
METHOD = "the quantized model on rows with natural label rates, none of which it was trained on"
FORMS = {
    "simple": "logistic regression on hashed n-grams, inverse document frequency; int8 embedding bag",
    "bert": "all-MiniLM-L6-v2 fine-tuned; mean of the last states, linear head; int8 weights, uint8 activations; "
    "blended with `simple`",
}
DESCRIPTIONS = {
    "simple": "Hashed n-grams in an int8 table of weights; calibrated probabilities of six labels; English",
    "bert": "A six-layer encoder in int8, blended with `simple`; calibrated probabilities of six labels; English, some "
    "French",
}


def render(
    settings: Settings,
    model: str,
    sha256: str,
    size: int,
    levels: dict[str, int],
    more: dict[str, dict],
    figures: dict,
    training: dict,
) -> str:
    """The manifest as TOML. `figures` are the model's of `evaluation.figures`. `more` are further tables, the last two of `bert` alone:

    - `reference`: the deciles of `toxic` with which the daemon compares its scores;
    - `auto`: the band, `low` and `high`, and its `reference`;
    - `blend`: the `model` whose logits are added to the graph's, the `sha256` of its ONNX file, and their `shares`.
    """
    return toml(
        {
            "name": model,
            "version": settings["export"]["version"],
            "kind": "toxicity",
            "description": DESCRIPTIONS[model],
            "license": "Apache-2.0",
            "onnx": f"{model}.onnx",
            "sha256": sha256,
            "bytes": size,
            "golden": f"{model}.golden.json",
            "golden_tolerance": settings["export"]["golden_tolerance"][model],
            "labels": LABELS,
            "score": LABELS[0],
            "input": _input(settings, model),
            "output": {"tensor": "probabilities", "activation": "none"},
            "levels": levels,
            **more,
            "metrics": _metrics(figures),
            "training": training,
        }
    )


def _input(settings: Settings, model: str) -> dict:
    if model == "simple":
        return {"type": "hashed-ngrams", "feature_spec": FEATURE_SPEC, "hash_bits": HASH_BITS}
    name = settings["export"]["vocabulary"]
    vocabulary = HERE / name
    digest = hashlib.sha256(vocabulary.read_bytes() if vocabulary.exists() else b"").hexdigest()
    return {
        "type": "wordpiece",
        "tensor": "ids",
        "vocabulary": name,
        "vocabulary_sha256": digest,
        "max_pieces": settings["bert"]["max_pieces"],
    }


def _metrics(figures: dict) -> dict:
    natural = {name: value for name, value in figures["natural"].items() if name not in ("levels", "positives")}
    return {"method": METHOD, **natural, "held_out": figures["held_out"]}


def toml(table: dict, prefix: str = "") -> str:
    """A nested dictionary as TOML 1.0: plain values first, then the tables below, in the order given."""
    lines = [f"{_key(name)} = {_value(value)}" for name, value in table.items() if not isinstance(value, dict)]
    for name, value in table.items():
        if isinstance(value, dict):
            path = f"{prefix}.{_key(name)}" if prefix else _key(name)
            plain = any(not isinstance(inner, dict) for inner in value.values()) or not value
            lines += ["", f"[{path}]"] if plain else []
            lines.append(toml(value, path).strip("\n") if plain else "\n" + toml(value, path).strip("\n"))
    return "\n".join(lines).rstrip("\n") + "\n"


def _key(name: str) -> str:
    bare = name and all(c.isascii() and (c.isalnum() or c in "_-") for c in name)
    return name if bare else json.dumps(name, ensure_ascii=False)


def _value(value) -> str:
    """A string, number, boolean, list, or a dictionary inside a list as an inline table."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(name)} = {_value(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    return "nan" if value != value else json.dumps(value, ensure_ascii=False)
