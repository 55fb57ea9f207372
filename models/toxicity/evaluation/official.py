"""What the official Jigsaw test, whose labels are not among the data, might say."""

# Mean ROC-AUC on natural rows, measured, and on the official test of two models trained on the rows of Jigsaw alone. Both of
# the latter are estimates: the official test's labels are not among the data.
KNOWN = {
    "TF-IDF, logistic regression": (0.9861, 0.9774),
    "all-MiniLM-L6-v2, one epoch": (0.9916, 0.9852),
}
PUBLISHED = ("Detoxify `original`", 0.9864)


def extrapolated(natural: float) -> float:
    """What the straight line through the models of `KNOWN` says of the official test, at most 1."""
    (x0, y0), (x1, y1) = KNOWN.values()
    return min(1.0, y0 + (natural - x0) * (y1 - y0) / (x1 - x0))
