"""The tables that a bench writes into a document, between marks of its own."""

from pathlib import Path

from .common import README, ROOT, Failure


def marks(name: str) -> tuple[str, str]:
    """What stands before and after the tables of the bench `name`."""
    return f"<!-- {name}: written by `make {TARGETS[name]}` -->", f"<!-- /{name} -->"


def document(name: str) -> Path:
    """The document that the bench `name` writes into."""
    return ELSEWHERE.get(name, README)


def insert(text: str, name: str, body: str) -> str:
    """`text` with `body` in the place of what stands between the marks of `name`."""
    opening, closing = marks(name)
    before, begin, rest = text.partition(opening)
    _, end, after = rest.partition(closing)
    if not begin or not end:
        raise Failure(f"{document(name).relative_to(ROOT)} lacks {opening} or {closing}")
    return f"{before}{opening}\n{body}\n{closing}{after}"


def write(name: str, body: str) -> None:
    """Writes `body` between the marks of `name`."""
    path = document(name)
    path.write_text(insert(path.read_text(), name, body))


def require(name: str) -> None:
    """What is written at a run's end must be writable at its beginning."""
    insert(document(name).read_text(), name, "")
    try:
        import matplotlib  # noqa: F401, it is looked for alone
    except ImportError as error:
        raise Failure(f"{error}: run `make tools`, and this with .tools/venv/bin/python") from error


# Each bench that writes tables, and the target of the Makefile that runs it; benches/README.md has them, but for some.
TARGETS = {
    "growth": "bench-growth",
    "peers": "bench-peers",
    "sizing": "bench-sizing",
    "soak": "soak-heap",
    "soak-time": "soak",
}
ELSEWHERE = {"sizing": ROOT / "deploy/README.md"}
