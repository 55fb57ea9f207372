"""The pictures, as SVG that is the same for the same figures."""

from pathlib import Path

import matplotlib
import numpy as np

matplotlib.use("svg")
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from sklearn.metrics import precision_recall_curve, roc_curve

from corpus import rows
from corpus.rows import LABELS, TOXIC, Rows
from evaluation import metrics, predictions
from evaluation.calibration import natural_probabilities
from settings import Settings

# Okabe and Ito 2008: told apart by people with any colour vision.
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]
STYLES = ["-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), "-"]
POINTS = 300
SIZE = (6.4, 4.2)


def draw(settings: Settings, figures: dict, out: Path) -> list[str]:
    """Writes every picture; returns their names in the order of the report."""
    plt.rcParams.update({"svg.hashsalt": "tamis", "svg.fonttype": "none", "font.size": 10, "axes.grid": True})
    plt.rcParams.update({"grid.alpha": 0.3, "axes.spines.top": False, "axes.spines.right": False})
    natural = rows.read(settings.rows("natural"))
    models = list(figures["models"])
    logits = {model: predictions.logits(settings, model, "natural") for model in models}
    scores = {model: natural_probabilities(settings, model, natural) for model in models}
    made = {
        "roc": roc(logits, natural),
        "precision_recall": precision_recall(logits, natural),
        "reliability": reliability(scores, natural),
        "histograms": histograms(scores, natural),
        "cost": cost(figures["experiments"]),
    }
    for name, figure in made.items():
        figure.tight_layout()
        figure.savefig(out / f"{name}.svg", metadata={"Date": None, "Creator": None})
        plt.close(figure)
    return list(made)


def roc(scores: dict[str, np.ndarray], natural: Rows) -> Figure:
    """Recall against the false-positive rate, which is logarithmic: a filter works at its left end."""
    figure, axes = plt.subplots(figsize=SIZE)
    for at, (model, found) in enumerate(scores.items()):
        false, true, _ = roc_curve(natural.labels[:, TOXIC], found[:, TOXIC])
        area = metrics.roc_auc(found[:, TOXIC], natural.labels[:, TOXIC])
        keep = thinned(len(false))
        axes.plot(false[keep], true[keep], color=COLOURS[at], ls=STYLES[at], label=f"{model}, area {area:.4f}")
    axes.set(xscale="log", xlim=(1e-4, 1), ylim=(0, 1.01), xlabel="false-positive rate", ylabel="recall")
    axes.legend(loc="lower right")
    return figure


def precision_recall(scores: dict[str, np.ndarray], natural: Rows) -> Figure:
    """Precision against recall."""
    figure, axes = plt.subplots(figsize=SIZE)
    for at, (model, found) in enumerate(scores.items()):
        precision, recall, _ = precision_recall_curve(natural.labels[:, TOXIC], found[:, TOXIC])
        keep = thinned(len(recall))
        axes.plot(recall[keep], precision[keep], color=COLOURS[at], ls=STYLES[at], label=model)
    axes.set(xlim=(0, 1.01), ylim=(0, 1.01), xlabel="recall", ylabel="precision")
    axes.legend(loc="lower left")
    return figure


def reliability(scores: dict[str, np.ndarray], natural: Rows) -> Figure:
    """Rate of toxic rows against the probability given, in fifteen bins; a dot's area grows with its rows."""
    figure, axes = plt.subplots(figsize=SIZE)
    axes.plot([0, 1], [0, 1], color="#999999", lw=1)
    for at, (model, found) in enumerate(scores.items()):
        mean, rate, count = map(
            np.array, zip(*metrics.reliability(found[:, TOXIC], natural.labels[:, TOXIC]), strict=True)
        )
        axes.plot(mean, rate, color=COLOURS[at], ls=STYLES[at], lw=1, label=model)
        axes.scatter(mean, rate, s=12 + 6 * np.log1p(count), color=COLOURS[at])
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="probability of toxic", ylabel="rate of toxic rows")
    axes.legend(loc="upper left")
    return figure


def histograms(scores: dict[str, np.ndarray], natural: Rows) -> Figure:
    """A panel for each label, of the best model: rows with and without it, the count logarithmic."""
    model = "bert" if "bert" in scores else next(iter(scores))
    figure, panels = plt.subplots(2, 3, figsize=(9, 5), sharex=True, sharey=True)
    for at, (label, axes) in enumerate(zip(LABELS, panels.flat, strict=True)):
        bears = natural.labels[:, at] > 0
        for rows_of, colour, name, fill in ((~bears, COLOURS[0], "without", True), (bears, COLOURS[1], "with", False)):
            kind = "stepfilled" if fill else "step"
            style = {"histtype": kind, "color": colour, "alpha": 0.6 if fill else 1, "lw": 2, "label": name}
            axes.hist(scores[model][rows_of, at], bins=20, range=(0, 1), **style)
        axes.set(title=f"{label}, {model}", yscale="log")
        axes.minorticks_off()
    panels[0, 0].legend()
    figure.supxlabel("calibrated probability")
    figure.supylabel("rows")
    return figure


def cost(experiments: list[dict]) -> Figure:
    """Mean ROC-AUC against microseconds for 400 bytes, for every model tried of which both were measured."""
    figure, axes = plt.subplots(figsize=(8, 4.8))
    shown = [row for row in experiments if row["microseconds"] and row["mean_roc_auc"]]
    for at, row in enumerate(shown):
        place = float(row["microseconds"]), float(row["mean_roc_auc"])
        area = 20 + 8 * np.sqrt(float(row["bytes"] or 1) / 1e5)
        axes.scatter(*place, s=area, color=COLOURS[at % len(COLOURS)], alpha=0.8)
        axes.annotate(row["name"], place, xytext=(6, 4), textcoords="offset points", fontsize=8)
    axes.set(xscale="log", xlabel="microseconds for 400 bytes (a dot's area grows with the model's size)")
    axes.set(ylabel="mean ROC-AUC, natural rows")
    return figure


def thinned(count: int) -> np.ndarray:
    """Positions that show a curve of `count` points: dense at both ends, at most `2 * POINTS`."""
    if count <= 2 * POINTS:
        return np.arange(count)
    ends = np.geomspace(1, count, POINTS).astype(int) - 1
    return np.unique(np.concatenate([ends, count - 1 - ends]))
