"""What a daemon compares its scores with: the deciles of `toxic` on the natural rows."""

import numpy as np

from corpus import rows
from corpus.rows import TOXIC
from evaluation import calibration
from settings import Settings

DIGITS = 6


def reference(settings: Settings, model: str) -> list[float]:
    """The nine deciles of the probabilities that `model` gives to rows that it has not seen, ascending, in 0 to 1."""
    natural = rows.read(settings.rows("natural"))
    return deciles(calibration.natural_probabilities(settings, model, natural)[:, TOXIC])


def deciles(probabilities: np.ndarray) -> list[float]:
    """To six significant digits; rows of which nothing was left to score are NaN and do not count."""
    found = np.nanquantile(probabilities.astype(np.float64), np.arange(1, 10) / 10)
    return [float(f"{value:.{DIGITS}g}") for value in found]
