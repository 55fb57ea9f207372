"""What is reported of several rounds of several servers, and the CSV."""

import csv
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from harness.figures import Sample, median


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


def ratios(samples: list[Sample], reference: list[Sample]) -> tuple[float, float, float]:
    """CPU of the rounds of one server over that of the same rounds of another: the median, the least, the greatest."""
    found = [of.cpu / to.cpu for of, to in zip(samples, reference, strict=True)]
    return median(found), min(found), max(found)


def write(rows: list[Row], path: Path) -> None:
    """`results.csv`, a line for each row."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(column.name for column in fields(Row))
        for row in rows:
            values = asdict(row).values()
            writer.writerow(f"{value:.6g}" if isinstance(value, float) else value for value in values)
