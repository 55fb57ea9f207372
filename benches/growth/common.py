"""Where what was measured is kept. Imported before `harness`, which lies beside this folder and is found through here."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from harness.common import ROOT  # noqa: E402, see above

KEPT = ROOT / "target/growth"


def say(text: str) -> None:
    """One line of progress."""
    print(f"growth: {text}", flush=True)
