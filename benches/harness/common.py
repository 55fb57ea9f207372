"""Where things are, which cores there are, and how a run fails."""

import argparse
import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "benches/README.md"
IMAGES = ROOT / "benches/images"
# What tests/tools.sh has installed; the benches install below it what they need beside.
TOOLS = Path(os.environ.get("TAMIS_TOOLS", ROOT / ".tools"))


class Failure(Exception):
    """A run cannot go on; the message says why and, where there is a way, what to do."""


def binary() -> Path:
    """The daemon: `TAMIS_BIN`, or what `make build` makes."""
    return Path(os.environ.get("TAMIS_BIN", ROOT / "target/release/tamis"))


def require_binary(path: Path) -> None:
    """The daemon must be built."""
    if not path.is_file():
        raise Failure(f"{path} is not there: `make build`, or name the daemon in TAMIS_BIN")


def cores() -> list[int]:
    """The cores that may be used, two or more."""
    usable = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if len(usable) < 2:
        raise Failure("a server and its client need a core each: this needs Linux and two CPUs")
    return usable


def positive(word: str) -> int:
    """A whole number from 1."""
    if not word.isdigit() or int(word) < 1:
        raise argparse.ArgumentTypeError(f"{word} is not a whole number from 1")
    return int(word)


def machine() -> str:
    """The processor as the kernel names it, and how much of it there is."""
    names = [line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return f"{len(os.sched_getaffinity(0))} virtual cores, {names[0] if names else 'unknown'}, Linux {os.uname().release.split('-')[0]}"
