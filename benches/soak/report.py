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
from harness.pictures import BLUE, INK, ORANGE, plots, save, tidy

SAMPLE = re.compile(r"^soak: (\d+) requests, resident (\d+) KiB, (\d+) calls of the allocator$", re.MULTILINE)
VERDICT = re.compile(
    r"^soak: in the last half of \d+ requests resident memory rises by (\d+) KiB, "
    r"and a request calls the allocator ([\d.]+) times, in the first half ([\d.]+) times$",
    re.MULTILINE,
)
PICTURE = IMAGES / "soak.svg"


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
    parser.add_argument("printed", type=Path, help="what the test printed")
    arguments = parser.parse_args()
    try:
        soak = parse(arguments.printed.read_text())
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
