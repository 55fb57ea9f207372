"""What is promised of speed and size, and where in a measurement's output the number stands."""

import re
from collections.abc import Callable
from dataclasses import dataclass

# Name of each measurement, and the command that makes it.
COMMANDS = {
    "promises": "make promises",
    "floor": "make bench-floor",
    "iris": "cargo bench --locked --bench iris -- --noplot",
    "text": "cargo bench --locked --bench text -- --noplot",
    "metrics": "cargo bench --locked --bench metrics -- --noplot scrape",
    "auth": "cargo bench --locked --bench auth -- --noplot",
    "bert": "make bench-bert",
    "latency": "make bench-latency",
    "recording": "make bench-recording",
    "soak": "make soak-heap",
    "peers": "make bench-peers && cat benches/peers/results.csv",
}


@dataclass(frozen=True)
class Row:
    """A promise. `find` reads the number from the output of `by`; `most` is its target, or none to only tell it."""

    promise: str
    target: str
    most: float | None
    source: str
    by: str
    find: Callable[[str], float | None]
    form: str = "{:.2f}x"

    def measure(self, outputs: dict[str, str]) -> float | None:
        return self.find(outputs[self.source]) if self.source in outputs else None

    def told(self, measured: float) -> str:
        return self.form.format(measured)


def number(pattern: str, scale: float = 1.0) -> Callable[[str], float | None]:
    """The first group of the last match, times `scale`."""

    def find(text: str) -> float | None:
        found = re.findall(pattern, text, re.MULTILINE)
        return float(found[-1].replace(",", "")) * scale if found else None

    return find


def cell(row: str, column: int) -> Callable[[str], float | None]:
    """A number of a Markdown table: of the row that begins so, the column counted from 0."""

    def find(text: str) -> float | None:
        for line in text.splitlines():
            cells = [part.strip() for part in line.strip().strip("|").split("|")]
            if cells[0] == row and len(cells) > column:
                value = re.match(r"-?[\d.,]+", cells[column])
                return float(value[0].replace(",", "")) if value else None
        return None

    return find


def peer(server: str, load: str) -> Callable[[str], float | None]:
    """CPU of tamis as a share of a peer's, in the lines of `benches/peers/results.csv`: server, load, rounds, CPU, times."""

    def find(text: str) -> float | None:
        for line in text.splitlines():
            cells = line.split(",")
            if cells[:2] == [server, load]:
                return 1 / float(cells[4])
        return None

    return find


UNITS = {"ps": 1e-3, "ns": 1.0, "us": 1e3, "µs": 1e3, "ms": 1e6, "s": 1e9}


def criterion(name: str, divide: float = 1.0) -> Callable[[str], float | None]:
    """The median of a criterion bench, in nanoseconds. Its line is folded where the name is long."""

    def find(text: str) -> float | None:
        found = re.search(rf"^{re.escape(name)}\s+time:\s+\[\S+ \S+ ([\d.]+) (\S+) ", text, re.MULTILINE)
        return float(found[1]) * UNITS[found[2]] / divide if found else None

    return find


def duration(pattern: str) -> Callable[[str], float | None]:
    """A duration as Rust prints it, such as 13.3ms, in milliseconds: the first two groups of the last match."""

    def find(text: str) -> float | None:
        found = re.findall(pattern, text)
        return float(found[-1][0]) * UNITS[found[-1][1]] / 1e6 if found else None

    return find


FIRST = r"from exec to the first 200, bert off: median ([\d.]+)(\S+),"
BY_BERT = r"from exec to the first 200 by bert: ([\d.]+)(\w+)"
AGAINST_FASTAPI = [("predict", "`POST /predict`", 500), ("analyze-100", "`POST /analyze`, `simple`, 100 characters", 100)]
ROWS = [
    Row(
        "CPU per request against an empty hyper handler, same knobs, bytes and run: `POST /predict`",
        "1.10x",
        1.10,
        "floor",
        "make bench-floor",
        cell("POST /predict", 4),
    ),
    Row(
        "the same, `POST /analyze`, `simple`, 100 characters",
        "1.25x",
        1.25,
        "floor",
        "make bench-floor",
        cell("POST /analyze, 100 characters", 4),
    ),
    Row(
        "iris, one after another",
        "20 ns",
        20,
        "iris",
        "cargo bench --bench iris",
        criterion("iris/answered/irises"),
        "{:.1f} ns",
    ),
    Row(
        "`simple`, text to score, 400 bytes",
        "5 us",
        5000,
        "text",
        "cargo bench --bench text",
        criterion("score/kernel/avx2/400"),
        "{:.0f} ns",
    ),
    Row(
        "an API key, found among 4,096",
        "200 ns",
        200,
        "auth",
        "cargo bench --bench auth",
        criterion("auth/key"),
        "{:.0f} ns",
    ),
    *(
        Row(
            f"`bert`, {pieces} word pieces, one thread, against ONNX Runtime",
            "0.7x",
            0.7,
            "bert",
            "make bench-bert",
            cell(str(pieces), 3),
        )
        for pieces in (16, 32, 64, 128)
    ),
    Row(
        "`/metrics` in the text format, a line",
        "60 ns",
        60,
        "metrics",
        "cargo bench --bench metrics",
        criterion("scrape/whole", 392),
        "{:.0f} ns",
    ),
    Row(
        "recording metrics, of the CPU of `POST /predict`",
        "1.03x",
        1.03,
        "recording",
        "make bench-recording",
        cell("POST /predict", 3),
        "{:.3f}x",
    ),
    Row(
        "p99 of `POST /predict` beside a scrape every 100 ms",
        "1.05x",
        1.05,
        "latency",
        "make bench-latency",
        number(r"^\| POST /predict \| a scrape every 100 ms \| p99 \|.*?\|.*?\| ([\d.]+) \|"),
    ),
    Row(
        "p99 of `POST /predict` beside a saturated `bert` on the same core",
        "1.5x",
        1.5,
        "latency",
        "make bench-latency",
        number(r"^\| POST /predict \| `bert`, saturated \| p99 \|.*?\|.*?\| ([\d.]+) \|"),
    ),
    Row(
        "exec to the first 200",
        "15 ms",
        15,
        "promises",
        "make promises",
        duration(FIRST),
        "{:.1f} ms",
    ),
    Row(
        "exec to the first 200 by `bert`",
        "150 ms",
        150,
        "promises",
        "make promises",
        duration(BY_BERT),
        "{:.0f} ms",
    ),
    Row(
        "resident memory after 220,000 requests, one worker",
        "16 MiB",
        16,
        "promises",
        "make promises",
        number(r"after 220,000 ([\d.]+) MiB"),
        "{:.1f} MiB",
    ),
    Row(
        "the same with `bert`, after 500 texts",
        "96 MiB",
        96,
        "promises",
        "make promises",
        number(r"([\d.]+) MiB after 500"),
        "{:.1f} MiB",
    ),
    Row(
        "resident memory over the last half of ten million requests of every kind, the most that it rises",
        "256 KiB",
        256,
        "soak",
        "make soak-heap",
        number(r"in the last half of 10\d{6} requests resident memory rises by (\d+) KiB"),
        "{:.0f} KiB",
    ),
    *(
        Row(
            f"CPU per request against {name} with plain models and a metrics library: `POST /predict`",
            "0.85x",
            0.85,
            "peers",
            "make bench-peers",
            peer(server, "predict"),
        )
        for server, name in (("axum", "axum"), ("actix", "actix-web"))
    ),
    *(
        Row(
            f"CPU per request against FastAPI with scikit-learn: {what}",
            f"1/{times}",
            1 / times,
            "peers",
            "make bench-peers",
            peer("fastapi-sklearn", load),
            "{:.5f}x",
        )
        for load, what, times in AGAINST_FASTAPI
    ),
]
