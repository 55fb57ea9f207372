"""Where things are, and how a run fails."""

import os
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
# What tests/tools.sh has installed; the peers are installed below it.
TOOLS = Path(os.environ.get("TAMIS_TOOLS", ROOT / ".tools"))
INSTALLED = TOOLS / "peers"


class Failure(Exception):
    """A run cannot go on; the message says why and, where there is a way, what to do."""


def say(text: str) -> None:
    """One line of progress."""
    print(f"peers: {text}", flush=True)
