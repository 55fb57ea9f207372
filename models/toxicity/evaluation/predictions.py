"""What a model makes of a set's rows: one file for each, so that all models are compared alike."""

import json

import numpy as np

from settings import Settings

LEAST = 1e-7


def write(settings: Settings, model: str, name: str, logits: np.ndarray, made_by: str = "") -> None:
    """Logits before calibration, float32 [rows, 6]; `made_by` is a digest of what made them. Those of `bert` and `auto`,
    which are made of calibrated models, are calibrated already."""
    path = settings.prediction(model, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, logits=logits.astype(np.float32), made_by=made_by)


def current(settings: Settings, model: str, name: str, made_by: str, count: int) -> bool:
    """Whether the file is there, made by the same, for this many rows: a stage that was cut off goes on after it."""
    path = settings.prediction(model, name)
    if not path.exists():
        return False
    stored = np.load(path)
    return str(stored["made_by"]) == made_by and len(stored["logits"]) == count


def logits(settings: Settings, model: str, name: str) -> np.ndarray:
    """float32 [rows, 6]."""
    return np.load(settings.prediction(model, name))["logits"]


def probabilities(settings: Settings, model: str, name: str) -> np.ndarray:
    """Calibrated where the model has been calibrated, else plain; float64 [rows, 6]."""
    found = logits(settings, model, name).astype(np.float64)
    path = settings.calibration(model)
    if path.exists():
        stored = json.loads(path.read_text())
        found = found * np.array(stored["slopes"]) + np.array(stored["intercepts"])
    return sigmoid(found)


def logit(probabilities: np.ndarray) -> np.ndarray:
    """The inverse of the logistic function, of probabilities clamped so that it is finite."""
    kept = np.clip(probabilities, LEAST, 1 - LEAST)
    return np.log(kept / (1 - kept))


def models(settings: Settings) -> list[str]:
    """The models that have predictions of the natural rows, in alphabetical order."""
    return sorted(path.parent.name for path in (settings.work / "predictions").glob("*/natural.npz"))


def sigmoid(x: np.ndarray) -> np.ndarray:
    """The logistic function, without overflow."""
    return 0.5 * (1 + np.tanh(0.5 * np.asarray(x, np.float64)))
