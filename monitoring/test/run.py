#!/usr/bin/env python3
"""Tests everything under monitoring/ against the real tools.

    run.py [STEP...]     all steps, or those named

TAMIS_BIN is the daemon (target/debug/tamis), TAMIS_TOOLS what tests/tools.sh has installed. Exits with 1 if a step
fails. A step that lacks a tool says so and is left out; with CI=true it fails.
"""

import sys

import catalog
import discovery
import inhibition
import live
import static
from daemon import exposition
from steps import runner

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


if __name__ == "__main__":
    sys.exit(runner.main("monitoring", STEPS))
