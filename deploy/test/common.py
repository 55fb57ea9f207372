"""What the tests of deploy/ share: the functions of every test in steps, and where deploy/ is."""

import sys
from pathlib import Path

DEPLOY = Path(__file__).resolve().parent.parent
sys.path.append(str(DEPLOY.parent / "tests"))

# ruff: noqa: E402, F401
from steps.common import (
    DAEMON,
    ROOT,
    TOOLS,
    Failure,
    LeftOut,
    Processes,
    Skipped,
    fetch,
    free_port,
    run,
    tool,
    wait_for,
)
