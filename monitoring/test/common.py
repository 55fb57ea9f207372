"""What the tests of monitoring/ share: the functions of every test in steps, and where monitoring/ is."""

import sys
from pathlib import Path

MONITORING = Path(__file__).resolve().parent.parent
sys.path.append(str(MONITORING.parent / "tests"))

# ruff: noqa: E402, F401
from steps.common import (
    DAEMON,
    ROOT,
    TOOLS,
    Failure,
    Processes,
    Skipped,
    fetch,
    free_port,
    run,
    tool,
    wait_for,
)
