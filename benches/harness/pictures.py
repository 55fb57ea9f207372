"""Pictures as SVG that can be read on a light page and on a dark one: no ground of their own, grey ink."""

from pathlib import Path

# A grey that can be read on white and on black.
INK = "#7a828c"
# After Okabe and Ito 2008, told apart by people with any colour vision; their blue is too dark for a dark page.
ORANGE, BLUE, GREEN = "#D55E00", "#3C8DC5", "#009E73"


def plots():
    """matplotlib's pyplot, set up so that the same figures give the same bytes."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot as plt

    plt.rcParams.update({"svg.hashsalt": "tamis", "svg.fonttype": "none", "font.size": 10, "text.color": INK})
    plt.rcParams.update({"axes.labelcolor": INK, "axes.edgecolor": INK, "xtick.color": INK, "ytick.color": INK})
    return plt


def tidy(axes, grid: str = "both") -> None:
    """Lines behind what is drawn, no frame on the far sides."""
    axes.grid(axis=grid, color=INK, alpha=0.3)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def powers(axis) -> None:
    """Plain numbers on a logarithmic axis, three in each power of ten."""
    from matplotlib.ticker import LogLocator, NullFormatter

    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter("{x:,g}")
    axis.set_minor_formatter(NullFormatter())


def save(figure, out: Path) -> None:
    """Writes `figure`, and lets go of it."""
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, transparent=True, metadata={"Date": None, "Creator": None})
    plots().close(figure)
