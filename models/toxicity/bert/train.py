"""The stage that trains `bert`."""

import importlib.util

import numpy as np

from bert import weights
from settings import Settings


def run(settings: Settings) -> dict:
    """Fine-tunes the encoder. A smoke run on a machine without PyTorch says so and takes random weights."""
    if settings.smoke and importlib.util.find_spec("torch") is None:
        print("skipped: PyTorch is not installed; the stages after this one take random weights")
        path = weights.path(settings)
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, **weights.random(settings, labels=settings["bert"]["phases"][-1]["labels"]))
        return {"skipped": 1}
    from bert import finetune

    return finetune.run(settings)
