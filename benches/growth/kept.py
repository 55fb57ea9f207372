"""What was measured, as JSON for each series: a run that was cut off goes on, and a series can be measured alone."""

import datetime
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from harness.figures import Sample
from oha import Rated
from runs import Measured, Point


@dataclass
class Kept:
    """A series with when, on what and how it was measured."""

    measured: Measured
    day: str
    machine: str
    rounds: int
    seconds: int


def write(path: Path, measured: Measured, machine: str, rounds: int, seconds: int) -> None:
    """Keeps a series at `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = Kept(measured, str(datetime.date.today()), machine, rounds, seconds)
    path.write_text(json.dumps(asdict(kept), indent=1))


def read(path: Path) -> Kept:
    """What `write` wrote."""
    document = json.loads(path.read_text())
    kind = Rated if path.stem == "rate" else Sample
    points = [
        Point(point["at"], point["group"], [kind(**sample) for sample in point["samples"]])
        for point in document["measured"]["points"]
    ]
    return Kept(**document | {"measured": Measured(points, document["measured"]["note"])})
