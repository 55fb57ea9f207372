"""The Markdown of benches/README.md, and the picture."""

from pathlib import Path

from figures import Row
from harness.figures import pair, significant
from harness.pictures import BLUE, INK, ORANGE, plots, save, tidy
from loads import LOADS


def markdown(rows: list[Row], titles: dict[str, str], seconds: int) -> str:
    """A table for each load, then what does not depend on the load."""
    lines = [f"![CPU per request](peers/peers.svg)\n\n{rows[0].rounds} rounds of {seconds} s.\n"]
    for load in LOADS:
        chosen = [row for row in rows if row.load == load.name]
        lines.append(f"**{load.title}**\n")
        lines.append("| server | CPU, us | times tamis (spread) | requests/s | p50 / p99, us | alone p50 / p99, us |")
        lines.append("|---|---|---|---|---|---|")
        for row in chosen:
            spread = f"{significant(row.times_tamis_low)} to {significant(row.times_tamis_high)}"
            times = "1" if row.server == "tamis" else f"{significant(row.times_tamis)} ({spread})"
            busy, alone = pair(row.p50_us, row.p99_us), pair(row.alone_p50_us, row.alone_p99_us)
            cells = [significant(row.cpu_us), times, significant(row.requests_per_second), busy, alone]
            lines.append(f"| {titles[row.server]} | {' | '.join(cells)} |")
        lines.append("")
    lines.append("| server | exec to the first 200, ms | resident afterwards, MiB | installed, MB |\n|---|---|---|---|")
    for row in {row.server: row for row in rows}.values():
        cells = [row.start_ms, row.resident_kib / 1024, row.installed_bytes / 1e6]
        lines.append(f"| {titles[row.server]} | {' | '.join(map(significant, cells))} |")
    return "\n".join(lines)


def draw(rows: list[Row], titles: dict[str, str], out: Path) -> None:
    """CPU per request of every server, a panel for each load; the axis is logarithmic."""
    plt = plots()
    names = list(titles)
    figure, panels = plt.subplots(len(LOADS), 1, figsize=(7.5, 2.3 * len(LOADS)), sharex=True, layout="constrained")
    beside = {"textcoords": "offset points", "va": "center"}
    greatest = max(row.cpu_us for row in rows)
    for load, axes in zip(LOADS, panels, strict=True):
        for row in (row for row in rows if row.load == load.name):
            at, own = names.index(row.server), row.server == "tamis"
            axes.barh(at, row.cpu_us, height=0.7, color=ORANGE if own else BLUE)
            times = "" if own else f", {significant(row.times_tamis)} times"
            axes.annotate(f"{significant(row.cpu_us)} us{times}", (row.cpu_us, at), xytext=(4, 0), **beside)
        for name in set(names) - {row.server for row in rows if row.load == load.name}:
            axes.annotate("has no model for it", (1, names.index(name)), xytext=(4, 0), **beside)
        axes.set_title(load.title, color=INK, loc="left", fontsize=10)
        axes.set(xscale="log", xlim=(1, greatest * 30), yticks=range(len(names)), yticklabels=titles.values())
        axes.set_ylim(len(names) - 0.4, -0.6)
        axes.xaxis.set_major_formatter("{x:,.0f}")
        tidy(axes, "x")
    panels[-1].set_xlabel("CPU microseconds per request, user and kernel (logarithmic)")
    save(figure, out)
