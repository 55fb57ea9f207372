"""A picture for each series, to be read on a light page and on a dark one."""

from pathlib import Path

from fit import line
from harness.figures import medians
from harness.pictures import BLUE, GREEN, INK, ORANGE, plots, powers, save, tidy
from report import TITLES
from runs import Point
from series import CONNECTIONS, SHARED, SIZES

CPU = "CPU per request, us"


def draw(name: str, points: list[Point], out: Path) -> None:
    """The series of that name."""
    plt = plots()
    match name:
        case "connections":
            figure = by_connections(plt, points)
        case "workers":
            figure = by_workers(plt, points)
        case "rate":
            figure = by_rate(plt, points)
        case _:
            figure = by_size(plt, name, points)
    figure.suptitle(TITLES[name].replace("`", ""), color=INK, fontsize=11)
    save(figure, out)


def by_size(plt, name: str, points: list[Point]):
    """CPU over size, both axes logarithmic; the straight line, which is bent on such axes."""
    series = next(series for series in SIZES if series.name == name)
    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    with_spread(axes, points, "measured")
    if through := line([(point.at, medians(point.samples).cpu) for point in points]):
        first, last = points[0].at, points[-1].at
        xs = [first * (last / first) ** (step / 60) for step in range(61)]
        label = through.told(series.unit)
        axes.plot(xs, [through.at(x) for x in xs], color=BLUE, linestyle="dashed", linewidth=1.2, label=label, zorder=1)
    marked(axes, [point.at for point in points])
    axes.set(xlabel=f"{series.axis} (logarithmic)", ylabel=f"{CPU} (logarithmic)", yscale="log")
    powers(axes.yaxis)
    axes.legend(frameon=False, labelcolor=INK, loc="upper left")
    tidy(axes)
    return figure


def by_connections(plt, points: list[Point]):
    """CPU above, latency below."""
    figure, (cpu, latency) = plt.subplots(2, 1, figsize=(7, 6), sharex=True, layout="constrained")
    with_spread(cpu, points, None)
    cpu.set(ylabel=CPU)
    cpu.set_ylim(bottom=0)
    lines(latency, points, {"p50": BLUE, "p99": ORANGE})
    latency.set(xlabel=f"{CONNECTIONS.axis} (logarithmic)", ylabel="latency, us (logarithmic)", yscale="log")
    for axes in (cpu, latency):
        marked(axes, [point.at for point in points])
        tidy(axes)
    powers(latency.yaxis)
    return figure


def by_workers(plt, points: list[Point]):
    """Rates as bars, and what they would be if each worker added as much as the first."""
    figure, panels = plt.subplots(1, len(SHARED), figsize=(7, 3.2), layout="constrained")
    for load, axes in zip(SHARED, panels, strict=True):
        group = [point for point in points if point.group == load.title]
        rates = [medians(point.samples).requests_per_second / 1e3 for point in group]
        places = range(len(group))
        axes.bar(places, rates, width=0.6, color=ORANGE)
        ideal = [rates[0] * point.at / group[0].at for point in group]
        axes.plot(places, ideal, color=BLUE, linestyle="dashed", marker="_", markersize=16, label="as many times the first")
        axes.set(xticks=places, xticklabels=[point.at for point in group], xlabel="workers")
        axes.set_title(load.title, color=INK, fontsize=10)
        tidy(axes, "y")
    panels[0].set_ylabel("thousand requests a second")
    panels[0].legend(frameon=False, labelcolor=INK, loc="upper left")
    top = max(axes.get_ylim()[1] for axes in panels) * 1.15
    for axes in panels:
        axes.set_ylim(0, top)
    return figure


def by_rate(plt, points: list[Point]):
    """Latency above, what is answered below, over what is asked."""
    figure, (latency, answered) = plt.subplots(2, 1, figsize=(7, 6), sharex=True, layout="constrained")
    lines(latency, points, {"p50": BLUE, "p99": ORANGE, "p999": GREEN})
    latency.set(ylabel="latency, us (logarithmic)", yscale="log")
    powers(latency.yaxis)
    shares = [point.at for point in points]
    found = [medians(point.samples) for point in points]
    answered.plot(shares, [rate.asked / 1e3 for rate in found], color=BLUE, linestyle="dashed", label="asked")
    answered.plot(shares, [rate.answered / 1e3 for rate in found], color=ORANGE, marker="o", label="answered")
    answered.set(xlabel="rate asked, percent of what it can answer", ylabel="thousand requests a second")
    answered.set_ylim(bottom=0)
    answered.legend(frameon=False, labelcolor=INK)
    for axes in (latency, answered):
        tidy(axes)
    return figure


def with_spread(axes, points: list[Point], label: str | None) -> None:
    """Medians of the CPU with a bar from the least to the greatest round."""
    middle = [medians(point.samples).cpu for point in points]
    below = [height - min(sample.cpu for sample in point.samples) for height, point in zip(middle, points)]
    above = [max(sample.cpu for sample in point.samples) - height for height, point in zip(middle, points)]
    at = [point.at for point in points]
    axes.errorbar(at, middle, [below, above], color=ORANGE, marker="o", capsize=3, linestyle="none", label=label)


def lines(axes, points: list[Point], percentiles: dict[str, str]) -> None:
    """Percentiles of the latency."""
    for name, colour in percentiles.items():
        label = {"p999": "p99.9"}.get(name, name)
        heights = [getattr(medians(point.samples), name) for point in points]
        axes.plot([point.at for point in points], heights, color=colour, marker="o", label=label)
    axes.legend(frameon=False, labelcolor=INK)


def marked(axes, at: list[int]) -> None:
    """A logarithmic axis with the points themselves as its marks."""
    axes.set_xscale("log")
    axes.set_xticks(at, [f"{value:,}" for value in at])
    axes.minorticks_off()
