"""The Markdown of benches/README.md."""

from fit import line
from harness.figures import medians, pair, significant
from kept import Kept
from runs import LONGER, Point
from series import CONNECTIONS, RATED, SHARED, SIZES

TITLES = {series.name: series.title for series in [*SIZES, CONNECTIONS]} | {
    "workers": "Workers, one for each core",
    "rate": f"Requests that do not wait for answers, {RATED.title} with 4,000 characters",
}


def markdown(kept: dict[str, Kept]) -> str:
    """A part for each series, measured or not."""
    return "\n\n".join(part(name, kept.get(name)) for name in TITLES)


def part(name: str, kept: Kept | None) -> str:
    """Heading, picture, table and what else is to say of one series."""
    lines = [f"### {TITLES[name]}\n"]
    if kept is None:
        return "\n".join([*lines, "Not measured yet."])
    points, note = kept.measured.points, kept.measured.note
    if points:
        lines += [f"![{TITLES[name]}](images/{picture(name)})\n", *table(name, points), ""]
        lines += [*said] if (said := words(name, points)) else []
        seconds = kept.seconds * (LONGER if name == "rate" else 1)
        lines.append(f"Medians of {kept.rounds} rounds of {seconds} s, {kept.day}: {kept.machine}.")
    if note:
        lines.append(note[0].upper() + note[1:])
    return "\n".join(lines)


def picture(name: str) -> str:
    """The file's name."""
    return f"growth-{name}.svg"


def table(name: str, points: list[Point]) -> list[str]:
    """Medians over the rounds, in brackets the least and the greatest."""
    match name:
        case "workers":
            return by_workers(points)
        case "rate":
            return by_rate(points)
    series = next(series for series in [*SIZES, CONNECTIONS] if series.name == name)
    sized = series is not CONNECTIONS
    each = f" CPU a {series.unit}, us |" if sized else ""
    lines = [f"| {series.axis} | CPU, us (spread) |{each} requests/s | p50 / p99, us |", f"|---|---|{'---|' * sized}---|---|"]
    for point in points:
        found = medians(point.samples)
        cells = [f"{point.at:,}", spread(point)]
        cells += [significant(found.cpu / point.at)] if sized else []
        cells += [significant(found.requests_per_second), pair(found.p50, found.p99)]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def by_workers(points: list[Point]) -> list[str]:
    """Each request's rate beside that of one worker."""
    lines = ["| request | workers | requests/s | times one worker | CPU, us (spread) |", "|---|---|---|---|---|"]
    for load in SHARED:
        group = [point for point in points if point.group == load.title]
        alone = medians(group[0].samples).requests_per_second
        for point in group:
            rate = medians(point.samples).requests_per_second
            lines.append(f"| {load.title} | {point.at} | {significant(rate)} | {rate / alone:.2f} | {spread(point)} |")
    return lines


def by_rate(points: list[Point]) -> list[str]:
    """What was asked and what was answered, and how long that took."""
    lines = ["| of what it can answer | asked/s | answered/s | p50, us | p99, us | p99.9, us |", "|---|---|---|---|---|---|"]
    for point in points:
        found = medians(point.samples)
        cells = map(significant, (found.asked, found.answered, found.p50, found.p99, found.p999))
        lines.append(f"| {point.at} % | {' | '.join(cells)} |")
    return lines


def spread(point: Point) -> str:
    """The median of the CPU per request, and how far the rounds lie apart."""
    cpu = [sample.cpu for sample in point.samples]
    return f"{significant(medians(point.samples).cpu)} ({significant(min(cpu))} to {significant(max(cpu))})"


def words(name: str, points: list[Point]) -> list[str]:
    """What the table shows, in a sentence."""
    series = next((series for series in SIZES if series.name == name), None)
    if series and (through := line([(point.at, medians(point.samples).cpu) for point in points])):
        return [f"By least squares of relative errors: {through.told(series.unit)}."]
    if name == "rate":
        return ["Beyond 100 % the queue grows for as long as the load lasts, and the latencies with it."]
    return []
