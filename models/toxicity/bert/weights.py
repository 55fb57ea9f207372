"""The trained weights as arrays: what stands between PyTorch and the graph."""

from pathlib import Path

import numpy as np

from settings import Settings


def load(settings: Settings) -> dict[str, np.ndarray]:
    """float32 arrays by name, as `encoder.Encoder.arrays` gave them."""
    with np.load(path(settings)) as stored:
        return {name: stored[name] for name in stored.files}


def path(settings: Settings) -> Path:
    """Where they lie."""
    return settings.work / "bert" / "weights.npz"


def random(settings: Settings, vocabulary=30522, width=64, inner=128, labels=6) -> dict[str, np.ndarray]:
    """Untrained weights of the smoke run's tiny encoder, for machines without PyTorch."""
    source = np.random.default_rng(settings.seed)
    draw = lambda *shape: source.normal(0, 0.05, shape).astype(np.float32)
    out = {"word.weight": draw(vocabulary, width), "pos": draw(512, width), "head.weight": draw(labels, width)}
    out["head.bias"] = np.zeros(labels, np.float32)
    for name in ("norm", "layers.0.n1", "layers.0.n2"):
        out[f"{name}.weight"], out[f"{name}.bias"] = np.ones(width, np.float32), np.zeros(width, np.float32)
    for name, rows, columns in (
        ("qkv", 3 * width, width),
        ("o", width, width),
        ("up", inner, width),
        ("down", width, inner),
    ):
        out[f"layers.0.{name}.weight"], out[f"layers.0.{name}.bias"] = draw(rows, columns), draw(rows)
    return out
