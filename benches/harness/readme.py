"""The tables of benches/README.md that a bench writes, between marks of its own."""

from .common import README, Failure


def marks(name: str) -> tuple[str, str]:
    """What stands before and after the tables of the bench `name`."""
    return f"<!-- {name}: written by `make {TARGETS[name]}` -->", f"<!-- /{name} -->"


def insert(text: str, name: str, body: str) -> str:
    """`text` with `body` in the place of what stands between the marks of `name`."""
    opening, closing = marks(name)
    before, begin, rest = text.partition(opening)
    _, end, after = rest.partition(closing)
    if not begin or not end:
        raise Failure(f"benches/README.md lacks {opening} or {closing}")
    return f"{before}{opening}\n{body}\n{closing}{after}"


def write(name: str, body: str) -> None:
    """Writes `body` between the marks of `name`."""
    README.write_text(insert(README.read_text(), name, body))


def require(name: str) -> None:
    """What is written at a run's end must be writable at its beginning."""
    insert(README.read_text(), name, "")
    try:
        import matplotlib  # noqa: F401, it is looked for alone
    except ImportError as error:
        raise Failure(f"{error}: run `make tools`, and this with .tools/venv/bin/python") from error


# Each bench that writes here, and the target of the Makefile that runs it.
TARGETS = {"growth": "bench-growth", "peers": "bench-peers", "soak": "soak-heap"}
