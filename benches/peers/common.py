"""Where the peers are. Imported before `harness`, which lies beside this folder and is found through here."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent))
from harness.common import ROOT, TOOLS, Failure  # noqa: E402, F401, see above

INSTALLED = TOOLS / "peers"


def say(text: str) -> None:
    """One line of progress."""
    print(f"peers: {text}", flush=True)
