#!/usr/bin/env python3
"""Tests everything under monitoring/ against the real tools.

    run.py [STEP...]     all steps, or those named

TAMIS_BIN is the daemon (target/debug/tamis), TAMIS_TOOLS what tests/tools.sh has installed. Exits with 1 if a step
fails. A step that lacks a tool says so and is left out; with CI=true it fails.
"""

import sys
import time
import traceback

import catalog
import discovery
import inhibition
import live
import static
from common import REQUIRED, Failure, Skipped
from daemon import exposition

STEPS = {
    "prometheus": static.prometheus,
    "discovery": discovery.check,
    "rule-tests": static.rule_tests,
    "alertmanager": static.alertmanager,
    "inhibition": inhibition.check,
    "grafana": static.grafana,
    "runbooks": static.runbooks,
    "kubernetes": static.kubernetes,
    "shell": static.shell,
    "catalog": lambda: catalog.check(exposition()),
    "live": live.check,
}


def main() -> int:
    wanted = sys.argv[1:] or list(STEPS)
    if unknown := [name for name in wanted if name not in STEPS]:
        print(f"no step {', '.join(unknown)}; there are {', '.join(STEPS)}", file=sys.stderr)
        return 2
    failed = []
    for name in wanted:
        begin = time.monotonic()
        try:
            verdict, said = "ok", STEPS[name]()
        except Skipped as lacking:
            verdict, said = ("FAILED" if REQUIRED else "skipped"), str(lacking)
        except Failure as failure:
            verdict, said = "FAILED", str(failure)
        except Exception:  # noqa: BLE001, a step that breaks has failed, and the others still run
            verdict, said = "FAILED", traceback.format_exc()
        print(f"monitoring: {name:<13} {verdict}, {time.monotonic() - begin:.1f} s: {said}", flush=True)
        if verdict == "FAILED":
            failed.append(name)
    print(f"monitoring: {len(failed)} of {len(wanted)} steps failed" if failed else "monitoring: all is well")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
