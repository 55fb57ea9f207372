"""The stage that trains `bert`."""

import importlib.util

import numpy as np

from bert import weights
from settings import Settings


def run(settings: Settings) -> dict:
    """Fine-tunes the encoder. A smoke run on a machine without PyTorch says so and takes random weights."""
    if settings.smoke and importlib.util.find_spec("torch") is None:
        print("skipped: PyTorch is not installed; the stages after this one take random weights")
        for fit in weights.cross_fits(settings):
            path = weights.path(settings, fit)
            path.parent.mkdir(parents=True, exist_ok=True)
            np.savez(path, **weights.random(settings, labels=settings["bert"]["phases"][-1]["labels"]))
        weights.write_mean(settings)
        return {"skipped": 1}
    from bert import finetune

    return finetune.run(settings)
