#!/usr/bin/env python3
"""What one core answers by each model, in how much memory, and what a million requests then cost.

    sizing.py [--rounds N] [--seconds N] [--vcpu-hour DOLLARS] [--gib-hour DOLLARS] [--print]

Starts the daemon (TAMIS_BIN) on one core and drives it with wrk from another, in rounds over all requests. Writes the tables
into deploy/README.md. The prices are those that Google publishes for pods of GKE Autopilot, general purpose, in Iowa
(us-central1); give your region's. The machine must have nothing else to do. Exits with 1 where it cannot go on.
"""

import argparse
import os
import signal
import sys
import time
from contextlib import ExitStack

from common import say
from daemon import Daemon
from harness import readme, wrk
from harness.common import README, Failure, binary, cores, machine, positive, require_binary
from harness.figures import medians, significant
from runs import Point, Run, rest_to_rest
from series import BERT, SIMPLE, Load, analyze, predict

# A pod of Autopilot has at least so many GiB for each vCPU.
GIB_PER_VCPU = 1
# What of a core is used on average, so that peaks find room.
UTILISATION = 0.6
REQUESTS: list[tuple[str, Load, list[str], int]] = [
    ("iris", predict(1), SIMPLE, 32),
    ("`simple`, 100 characters", analyze(100), SIMPLE, 32),
    ("`simple`, 400 characters", analyze(400), SIMPLE, 32),
    ("`bert`, 100 characters", analyze(100, model="bert"), BERT, 4),
    ("`bert`, 400 characters", analyze(400, model="bert"), BERT, 4),
]
# Of the peers' table in benches/README.md: what the systems that this one replaces are made of.
PEER, ROUTES = "FastAPI, scikit-learn", ("POST /predict", "POST /analyze, 100 characters")


def main() -> int:
    arguments = parse()
    # An end that is asked for is an end by exception: every daemon is a context.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        if not arguments.print:
            readme.require("sizing")
        peers(README.read_text())
        require_binary(binary())
        here, everywhere = machine(), os.sched_getaffinity(0)
        run = Run(arguments.rounds, arguments.seconds, wrk.find(), cores())
        points, resident = measure(run)
        os.sched_setaffinity(0, everywhere)
        body = markdown(points, resident, arguments, here)
        print(body) if arguments.print else readme.write("sizing", body)
    except Failure as failure:
        print(f"sizing: {failure}", file=sys.stderr)
        return 1
    return 0


def measure(run: Run) -> tuple[list[Point], list[float]]:
    """A sample of each request and round, and the MiB that the daemon which answered it has at the end."""
    points = [Point(at, title, []) for at, (title, *_) in enumerate(REQUESTS)]
    with ExitStack() as stack:
        core = run.place(1)
        daemons = {tuple(settings): stack.enter_context(Daemon(settings, core)) for *_, settings, _ in REQUESTS}
        for turn in range(run.rounds):
            for point, (title, load, settings, connections) in zip(points, REQUESTS, strict=True):
                found = rest_to_rest(daemons[tuple(settings)], load, connections, run.seconds, run)
                point.samples.append(found)
                say(f"sizing, round {turn + 1}, {title}: {found.cpu:.2f} us")
        resident = [daemons[tuple(settings)].resident_kib() / 1024 for *_, settings, _ in REQUESTS]
    return points, resident


def markdown(points: list[Point], resident: list[float], arguments: argparse.Namespace, here: str) -> str:
    """The table of sizes and that of costs."""
    lines = ["| request | CPU, us | requests/s of one core, all of it | resident, MiB |", "|---|---|---|---|"]
    for point, mebibytes in zip(points, resident, strict=True):
        cpu = medians(point.samples).cpu
        lines.append(f"| {point.group} | {significant(cpu)} | {significant(1e6 / cpu)} | {mebibytes:.1f} |")
    lines += [
        "",
        f"Medians of {arguments.rounds} rounds of {arguments.seconds} s, {time.strftime('%Y-%m-%d')}: {here}.",
        "",
        "| a million requests | CPU, s | dollars |",
        "|---|---|---|",
    ]
    costs = [(point.group, medians(point.samples).cpu) for point in points]
    costs += [(f"{PEER}: {route}", cpu) for route, cpu in zip(ROUTES, peers(README.read_text()), strict=True)]
    for title, cpu in costs:
        lines.append(f"| {title} | {significant(cpu)} | {dollars(cpu, arguments.vcpu_hour, arguments.gib_hour):.2g} |")
    lines += [
        "",
        f"A vCPU hour at {arguments.vcpu_hour} dollars with {GIB_PER_VCPU} GiB at {arguments.gib_hour}, {UTILISATION:.0%} of it used.",
    ]
    return "\n".join(lines)


def dollars(cpu: float, vcpu_hour: float, gib_hour: float) -> float:
    """What a million requests of so many microseconds each cost."""
    return cpu / 3600 / UTILISATION * (vcpu_hour + GIB_PER_VCPU * gib_hour)


def peers(text: str) -> list[float]:
    """The CPU of [`PEER`] at each of [`ROUTES`] in microseconds, from the peers' tables."""
    found, route = {}, ""
    for line in text.splitlines():
        if line.startswith("**"):
            route = line.strip("*")
        elif line.startswith(f"| {PEER} |") and route in ROUTES:
            found.setdefault(route, float(line.split("|")[2].replace(",", "")))
    if missing := [route for route in ROUTES if route not in found]:
        raise Failure(f"benches/README.md has no {PEER} at {', '.join(missing)}: `make bench-peers`")
    return [found[route] for route in ROUTES]


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="What one core answers by each model, and what a million requests cost.")
    parser.add_argument("--rounds", type=positive, default=5, help="rounds over all requests")
    parser.add_argument("--seconds", type=positive, default=3, help="seconds of each")
    parser.add_argument("--vcpu-hour", type=float, default=0.0445, help="dollars for a vCPU and hour")
    parser.add_argument("--gib-hour", type=float, default=0.0049225, help="dollars for a GiB and hour")
    parser.add_argument("--print", action="store_true", help="print the tables and write nothing")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
