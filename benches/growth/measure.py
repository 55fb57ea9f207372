#!/usr/bin/env python3
"""How the daemon's cost grows: with the length of a text, rows, texts, connections, workers, and the rate of requests.

    measure.py [--only SERIES,...] [--rounds N] [--seconds N] [--keep] [--print]

Starts the daemon (TAMIS_BIN) on one core and drives it with wrk, or with oha at a given rate, from another. What was measured
is kept in target/growth/SERIES.json; the tables are of all that is there. Writes them into benches/README.md and the
pictures into benches/images/. The machine must have nothing else to do. Exits with 1 where it cannot go on.
"""

import argparse
import os
import signal
import sys
import time

from common import KEPT, say
from harness import readme, wrk
from harness.common import IMAGES, Failure, binary, cores, machine, positive, require_binary

import kept
import pictures
import report
import runs
from series import NAMES


def main() -> int:
    arguments = parse()
    # An end that is asked for is an end by exception: every daemon is a context.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        if not arguments.print:
            readme.require("growth")
        require_binary(binary())
        run = runs.Run(arguments.rounds, arguments.seconds, wrk.find(), cores())
        here, everywhere = machine(), os.sched_getaffinity(0)
        for name in arguments.only:
            path = KEPT / f"{name}.json"
            if arguments.keep and path.exists():
                continue
            begun = time.monotonic()
            kept.write(path, runs.measure(name, run), here, run.rounds, run.seconds)
            os.sched_setaffinity(0, everywhere)
            say(f"{name} done, {time.monotonic() - begun:.0f} s")
        publish(arguments.print)
    except Failure as failure:
        print(f"growth: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("growth: interrupted; what was measured is kept: --keep goes on", file=sys.stderr)
        return 130
    return 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", type=series, default=NAMES, help=f"these series: {', '.join(NAMES)}")
    parser.add_argument("--rounds", type=positive, default=5, help="rounds for each point (5)")
    parser.add_argument("--seconds", type=positive, default=2, help="seconds of a round (2)")
    parser.add_argument("--keep", action="store_true", help="measure only what has not been measured")
    parser.add_argument("--print", action="store_true", help="print the tables, write none and draw nothing")
    return parser.parse_args()


def series(word: str) -> list[str]:
    """Names of series, between commas."""
    names = word.split(",")
    if unknown := set(names) - set(NAMES):
        raise argparse.ArgumentTypeError(f"no such series: {', '.join(sorted(unknown))}")
    return names


def publish(only_print: bool) -> None:
    """Prints the tables of all series that are kept and, unless that is all, writes and draws them."""
    found = {name: kept.read(path) for name in NAMES if (path := KEPT / f"{name}.json").exists()}
    tables = report.markdown(found)
    print(tables)
    if only_print:
        return
    readme.write("growth", tables)
    for name, one in found.items():
        if one.measured.points:
            pictures.draw(name, one.measured.points, IMAGES / report.picture(name))
    say("written: benches/README.md, benches/images/growth-*.svg")


if __name__ == "__main__":
    sys.exit(main())
