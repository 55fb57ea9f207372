"""The trained weights as arrays: what stands between PyTorch and the graph."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from corpus.mixture import AUXILIARY
from corpus.rows import IDENTITY_HATE, LABELS
from settings import Settings


@dataclass(frozen=True)
class Fit:
    """One training of the encoder: its name, and the parts of the rows that it does not see."""

    name: str
    without: tuple[str, ...] = ()


SHIPS = Fit("weights")


def cross_fits(settings: Settings) -> list[Fit]:
    """The trainings whose answers on the natural rows count: each leaves out its share of the folds, which it then judges. If
    there is one, it sees none of these rows."""
    count, folds = settings["bert"]["cross_fits"], settings["corpus"]["folds"]
    parts = [tuple(f"fold {fold}" for fold in range(folds) if fold % count == number) for number in range(count)]
    return [Fit(f"weights.{number}", part) for number, part in enumerate(parts)]


def write_mean(settings: Settings) -> None:
    """Writes what ships: the mean of the cross-fitted weights, which has seen all rows that any of them has."""
    fits = cross_fits(settings)
    stored = [dict(np.load(path(settings, fit))) for fit in fits]
    mean = {name: np.mean([arrays[name] for arrays in stored], axis=0, dtype=np.float32) for name in stored[0]}
    np.savez(path(settings), **mean)


def load(settings: Settings, fit: Fit = SHIPS) -> dict[str, np.ndarray]:
    """float32 arrays by name, as `encoder.Encoder.arrays` gave them, but with the six labels that ship alone."""
    with np.load(path(settings, fit)) as stored:
        return folded({name: stored[name] for name in stored.files}, settings["bert"]["fold"])


def folded(arrays: dict[str, np.ndarray], factors: dict[str, float]) -> dict[str, np.ndarray]:
    """The weights of a network with the auxiliary label `hate` as one of six labels whose logits are

        logit[L] + factors[L] * logit[hate]

    for the labels that `factors` names, and its own for the others. A network without it stays as it is.
    """
    if len(arrays["head.bias"]) == len(LABELS):
        return arrays
    factor = np.array([factors.get(label, 0.0) for label in LABELS])
    fold = lambda rows: (rows[: len(LABELS)] + np.multiply.outer(factor, rows[len(LABELS)])).astype(np.float32)
    return arrays | {name: fold(arrays[name]) for name in ("head.weight", "head.bias")}


def widened(arrays: dict[str, np.ndarray], labels: int) -> dict[str, np.ndarray]:
    """The weights for a network of so many labels: an auxiliary one begins as a copy of `identity_hate`."""
    missing = labels - len(arrays["head.bias"])
    if not 0 <= missing <= len(AUXILIARY):
        raise ValueError(f"a phase of {labels} labels cannot follow one of {len(arrays['head.bias'])}")
    widen = lambda rows: np.concatenate([rows, *[rows[IDENTITY_HATE : IDENTITY_HATE + 1]] * missing])
    return arrays | {name: widen(arrays[name]) for name in ("head.weight", "head.bias")}


def towards(before: dict[str, np.ndarray] | None, after: dict[str, np.ndarray], step: float) -> dict[str, np.ndarray]:
    """The weights a share `step` of the way from those `before` a training to those `after` it (WiSE-FT, Wortsman et al.
    2022): what the training unlearns comes back in part. The ones after it where there were none before."""
    if not before:
        return after
    start = widened(before, len(after["head.bias"]))
    return {name: start[name] + np.float32(step) * (value - start[name]) for name, value in after.items()}


def path(settings: Settings, fit: Fit = SHIPS) -> Path:
    """Where they lie."""
    return settings.work / "bert" / f"{fit.name}.npz"


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
