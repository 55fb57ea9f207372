#!/usr/bin/env python3
"""What `tests/soak.rs` printed as a table of benches/README.md and a picture.

    report.py [--print] PRINTED

`--print` writes nothing. Exits with 1 where the output is not that of a whole run.
"""

import argparse
import datetime
import re
import sys
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import common  # noqa: F401, through which harness is found
from harness import readme
from harness.common import IMAGES, Failure, machine
from harness.pictures import BLUE, GREEN, INK, ORANGE, plots, save, tidy

SAMPLE = re.compile(r"^soak: (\d+) requests, resident (\d+) KiB, (\d+) calls of the allocator$", re.MULTILINE)
VERDICT = re.compile(
    r"^soak: in the last half of \d+ requests resident memory rises by (\d+) KiB, "
    r"and a request calls the allocator ([\d.]+) times, in the first half ([\d.]+) times$",
    re.MULTILINE,
)
TIMES = re.compile(
    r"^soak: after ([\d.]+) s (\d+) descriptors, alone a request takes (\d+) us, the slowest in a hundred (\d+) us$",
    re.MULTILINE,
)
LINE = re.compile(r"^soak: (by the line through the last half .*)$", re.MULTILINE)
PICTURE = IMAGES / "soak.svg"
PICTURE_OF_AN_HOUR = IMAGES / "soak-time.svg"


@dataclass(frozen=True)
class Sample:
    """Where the daemon stood after so many requests."""

    requests: int
    resident_kib: int
    calls: int


@dataclass(frozen=True)
class Soak:
    """A whole run: its samples, and what the test made of them."""

    samples: list[Sample]
    apart_kib: int
    calls_last: float
    calls_first: float


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--print", action="store_true", help="print the table, write and draw nothing")
    parser.add_argument("--time", action="store_true", help="of `make soak`: over time, not over requests")
    parser.add_argument("printed", type=Path, help="what the test printed")
    arguments = parser.parse_args()
    try:
        printed = arguments.printed.read_text()
        if arguments.time:
            return over_time(printed, None if arguments.print else PICTURE_OF_AN_HOUR)
        soak = parse(printed)
        table = markdown(soak, f"{datetime.date.today()}: {machine()}")
        print(table)
        if not arguments.print:
            readme.require("soak")
            readme.write("soak", table)
            draw(soak, PICTURE)
    except Failure as failure:
        print(f"soak: {failure}", file=sys.stderr)
        return 1
    return 0


def parse(printed: str) -> Soak:
    """Reads the test's lines."""
    samples = [Sample(*map(int, found)) for found in SAMPLE.findall(printed)]
    verdict = VERDICT.search(printed)
    if len(samples) < 3 or not verdict:
        raise Failure(f"this is not a whole run of tests/soak.rs: {len(samples)} samples")
    return Soak(samples, int(verdict[1]), float(verdict[2]), float(verdict[3]))


def markdown(soak: Soak, measured: str) -> str:
    """The picture, one line of figures, and where they are from."""
    first, half, last = soak.samples[0], soak.samples[len(soak.samples) // 2], soak.samples[-1]
    mib = [f"{sample.resident_kib / 1024:.2f}" for sample in (first, half, last)]
    calls = f"{soak.calls_first:.3f} / {soak.calls_last:.3f}"
    return "\n".join(
        [
            f"![Resident memory and calls of the allocator](images/{PICTURE.name})\n",
            "| requests | resident before / halfway / after, MiB | last half, most that it rises, KiB "
            "| calls of the allocator a request, first / last half |",
            "|---|---|---|---|",
            f"| {last.requests:,} | {' / '.join(mib)} | {soak.apart_kib} | {calls} |",
            f"\nMeasured on {measured}.",
        ]
    )


@dataclass(frozen=True)
class Moment:
    """Where the daemon stood after so many seconds; times in microseconds."""

    seconds: float
    descriptors: int
    median: int
    slowest: int


def over_time(printed: str, out: Path | None) -> int:
    """Prints the table of a run by time, and draws it into `out` and the table into benches/README.md, if that is to be."""
    soak, moments = parse(printed), moments_of(printed)
    line = LINE.search(printed)
    if len(moments) != len(soak.samples) or not line:
        raise Failure(f"{len(moments)} moments, {len(soak.samples)} samples")
    last = moments[-1]
    first, half, end = soak.samples[0], soak.samples[len(soak.samples) // 2], soak.samples[-1]
    mib = " / ".join(f"{sample.resident_kib / 1024:.2f}" for sample in (first, half, end))
    table = "\n".join(
        [
            f"![Resident memory, descriptors and times](images/{PICTURE_OF_AN_HOUR.name})\n",
            "| minutes | requests | resident before / halfway / after, MiB | descriptors, fewest / most "
            "| median / slowest in a hundred at the end, us |",
            "|---|---|---|---|---|",
            f"| {last.seconds / 60:.1f} | {end.requests:,} | {mib} "
            f"| {min(moment.descriptors for moment in moments)} / {max(moment.descriptors for moment in moments)} "
            f"| {last.median} / {last.slowest} |",
            f"\n{line[1][:1].upper()}{line[1][1:]}. Measured on {datetime.date.today()}: {machine()}.",
        ]
    )
    print(table)
    if out:
        readme.require("soak-time")
        readme.write("soak-time", table)
        draw_over_time(soak, moments, out)
    return 0


def moments_of(printed: str) -> list[Moment]:
    """Reads the lines about time."""
    found = TIMES.findall(printed)
    return [Moment(float(seconds), *map(int, rest)) for seconds, *rest in found]


def draw_over_time(soak: Soak, moments: list[Moment], out: Path) -> None:
    """Resident memory, descriptors and times, one above the other."""
    plt = plots()
    figure, (resident, descriptors, times) = plt.subplots(3, 1, figsize=(7, 6), sharex=True, layout="constrained")
    minutes = [moment.seconds / 60 for moment in moments]
    resident.plot(minutes, [sample.resident_kib / 1024 for sample in soak.samples], color=ORANGE)
    resident.set(ylabel="resident, MiB")
    descriptors.plot(minutes, [moment.descriptors for moment in moments], color=GREEN)
    descriptors.set(ylabel="descriptors")
    # Before the first part nothing has been asked.
    times.plot(minutes[1:], [moment.median for moment in moments[1:]], color=BLUE, label="median")
    times.plot(minutes[1:], [moment.slowest for moment in moments[1:]], color=ORANGE, label="slowest in a hundred")
    times.set(ylabel="a request, us", xlabel="minutes")
    times.legend(frameon=False, labelcolor=INK)
    for axes in (resident, descriptors, times):
        axes.set_ylim(0, axes.get_ylim()[1] * 1.1)
        tidy(axes)
    figure.suptitle("A daemon that is busy all the time", color=INK, fontsize=11)
    save(figure, out)


def draw(soak: Soak, out: Path) -> None:
    """Resident memory above, calls of the allocator by a request since the sample before below."""
    plt = plots()
    figure, (resident, calls) = plt.subplots(2, 1, figsize=(7, 4.5), sharex=True, layout="constrained")
    millions = [sample.requests / 1e6 for sample in soak.samples]
    resident.plot(millions, [sample.resident_kib / 1024 for sample in soak.samples], color=ORANGE, marker="o")
    resident.set(ylabel="resident, MiB")
    rates = [(b.calls - a.calls) / (b.requests - a.requests) for a, b in pairwise(soak.samples)]
    calls.plot(millions[1:], rates, color=BLUE, marker="o")
    calls.set(ylabel="allocator calls\nper request", xlabel="million requests")
    for axes in (resident, calls):
        axes.set_ylim(0, axes.get_ylim()[1] * 1.1)
        tidy(axes)
    figure.suptitle("Memory over requests of every kind", color=INK, fontsize=11)
    save(figure, out)


if __name__ == "__main__":
    sys.exit(main())
