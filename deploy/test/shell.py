"""The scripts of deploy/, read by shellcheck."""

import sys
from pathlib import Path

from common import DEPLOY, Failure, run


def check() -> str:
    scripts = sorted(DEPLOY.rglob("*.sh"))
    if not scripts:
        raise Failure(f"no script below {DEPLOY}")
    for script in scripts:
        run("bash", "-n", script)
    run(Path(sys.executable).parent / "shellcheck", *scripts)
    return f"shellcheck of {len(scripts)} scripts"
