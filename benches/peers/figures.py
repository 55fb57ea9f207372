"""The arithmetic: what is reported of several rounds, and the CSV."""

import csv
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from wrk import Driven


@dataclass(frozen=True)
class Sample:
    """One server in one round. CPU and latencies in microseconds."""

    cpu: float
    requests_per_second: float
    p50: float
    p99: float


@dataclass(frozen=True)
class Row:
    """One server under one load, as `results.csv` has it.

    Medians over the rounds; `times_tamis` is that of CPU per request divided by tamis's in the same round.
    """

    server: str
    load: str
    rounds: int
    cpu_us: float
    times_tamis: float
    times_tamis_low: float
    times_tamis_high: float
    requests_per_second: float
    p50_us: float
    p99_us: float
    alone_p50_us: float
    alone_p99_us: float
    start_ms: float
    resident_kib: int
    installed_bytes: int


def sample(driven: Driven, nanoseconds: int) -> Sample:
    """What a run of wrk cost whose server ran for `nanoseconds`."""
    rate = driven.requests / driven.seconds
    return Sample(nanoseconds / 1e3 / driven.requests, rate, driven.p50, driven.p99)


def medians(samples: list[Sample]) -> Sample:
    """Each figure's own median over the rounds."""
    return Sample(*(median([getattr(of, column.name) for of in samples]) for column in fields(Sample)))


def ratios(samples: list[Sample], reference: list[Sample]) -> tuple[float, float, float]:
    """CPU of the rounds of one server over that of the same rounds of another: the median, the least, the greatest."""
    found = [of.cpu / to.cpu for of, to in zip(samples, reference, strict=True)]
    return median(found), min(found), max(found)


def median(values: list[float]) -> float:
    """The median, the upper one of two."""
    return sorted(values)[len(values) // 2]


def significant(value: float) -> str:
    """Three significant digits, thousands apart."""
    if value >= 100:
        digits = len(str(int(value)))
        return f"{round(value, 3 - digits):,.0f}"
    return f"{value:.3g}" if value < 1 else f"{value:.2f}" if value < 10 else f"{value:.1f}"


def write(rows: list[Row], path: Path) -> None:
    """`results.csv`, a line for each row."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(column.name for column in fields(Row))
        for row in rows:
            values = asdict(row).values()
            writer.writerow(f"{value:.6g}" if isinstance(value, float) else value for value in values)
