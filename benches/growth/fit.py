"""The straight line through a series: what a request costs at least, and what each unit adds."""

from dataclasses import dataclass

from harness.figures import significant


@dataclass(frozen=True)
class Line:
    """`fixed + slope * x`, in microseconds."""

    fixed: float
    slope: float

    def at(self, x: float) -> float:
        """Its height."""
        return self.fixed + self.slope * x

    def told(self, unit: str) -> str:
        """In words, the slope in nanoseconds where it is small."""
        small = abs(self.slope) < 1
        slope, of = (self.slope * 1e3, "ns") if small else (self.slope, "us")
        return f"{significant(self.fixed)} us and {significant(slope)} {of} a {unit}"


def line(points: list[tuple[float, float]]) -> Line | None:
    """The line of least squares of relative errors: a point of 10 us counts as much as one of 1,000. `None` through fewer
    than two values of x."""
    weights = [1 / (y * y) for _, y in points]
    total = sum(weights)
    if not points or total == 0:
        return None
    middle_x = sum(weight * x for weight, (x, _) in zip(weights, points)) / total
    middle_y = sum(weight * y for weight, (_, y) in zip(weights, points)) / total
    spread = sum(weight * (x - middle_x) ** 2 for weight, (x, _) in zip(weights, points))
    if spread == 0:
        return None
    common = sum(weight * (x - middle_x) * (y - middle_y) for weight, (x, y) in zip(weights, points))
    return Line(middle_y - common / spread * middle_x, common / spread)
