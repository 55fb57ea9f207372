"""The arithmetic: what a round of requests cost, what is reported of several, and how it is written."""

from dataclasses import dataclass, fields

from .wrk import Driven


@dataclass(frozen=True)
class Sample:
    """One server in one round. CPU and latencies in microseconds."""

    cpu: float
    requests_per_second: float
    p50: float
    p99: float


def sample(driven: Driven, nanoseconds: int) -> Sample:
    """What a run of wrk cost whose server ran for `nanoseconds`."""
    rate = driven.requests / driven.seconds
    return Sample(nanoseconds / 1e3 / driven.requests, rate, driven.p50, driven.p99)


def medians(samples: list):
    """Each figure's own median over the rounds, in a sample of the same kind."""
    kind = type(samples[0])
    return kind(*(median([getattr(of, column.name) for of in samples]) for column in fields(kind)))


def median(values: list[float]) -> float:
    """The median, the upper one of two."""
    return sorted(values)[len(values) // 2]


def significant(value: float) -> str:
    """Three significant digits, thousands apart."""
    if value >= 100:
        digits = len(str(int(value)))
        return f"{round(value, 3 - digits):,.0f}"
    return f"{value:.3g}" if value < 1 else f"{value:.2f}" if value < 10 else f"{value:.1f}"


def pair(first: float, second: float) -> str:
    """Two figures in a cell."""
    return f"{significant(first)} / {significant(second)}"
