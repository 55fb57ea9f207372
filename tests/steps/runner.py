"""Runs named steps, says what each has seen and how long it took."""

import sys
import time
import traceback
from collections.abc import Callable

from steps.common import REQUIRED, Failure, LeftOut, Skipped


def main(what: str, steps: dict[str, Callable[[], str]]) -> int:
    """Runs the steps that the command line names, or all; 0, 1 if one fails, 2 if one is not there. A step returns what
    it has seen; one that lacks a tool is skipped, and with CI=true fails; one that this machine does not let run is left out."""
    wanted = sys.argv[1:] or list(steps)
    if unknown := [name for name in wanted if name not in steps]:
        print(f"no step {', '.join(unknown)}; there are {', '.join(steps)}", file=sys.stderr)
        return 2
    failed = []
    for name in wanted:
        begin = time.monotonic()
        try:
            verdict, said = "ok", steps[name]()
        except Skipped as lacking:
            verdict, said = ("FAILED" if REQUIRED else "skipped"), str(lacking)
        except LeftOut as refused:
            verdict, said = "left out", str(refused)
        except Failure as failure:
            verdict, said = "FAILED", str(failure)
        except Exception:  # noqa: BLE001, a step that breaks has failed, and the others still run
            verdict, said = "FAILED", traceback.format_exc()
        print(f"{what}: {name:<13} {verdict}, {time.monotonic() - begin:.1f} s: {said}", flush=True)
        if verdict == "FAILED":
            failed.append(name)
    print(f"{what}: {len(failed)} of {len(wanted)} steps failed" if failed else f"{what}: all is well")
    return 1 if failed else 0
