#!/usr/bin/env python3
"""tamis beside what its users could pick instead, in one run: CPU per request, latency, memory, start, size.

    run.py [--rounds N] [--seconds N] [--starts N] [--only NAME]...

Installs the peers below .tools/peers, checks that each answers as tamis does, and drives one after the other with wrk,
in interleaved rounds: the servers on one core, wrk on another. Writes results.csv and peers.svg beside this file and
the tables of benches/README.md; with --only it prints the tables and writes nothing. TAMIS_BIN is the daemon,
TAMIS_TOOLS what tests/tools.sh has installed. Exits with 1 where it cannot go on.
"""

import argparse
import os
import signal
import sys
from contextlib import ExitStack

import answers
import figures
import install
import loads
import report
from common import HERE, INSTALLED, Failure, say
from figures import Row
from harness import readme, wrk
from harness.common import cores, positive
from harness.figures import Sample, median, medians, sample
from processes import Server
from servers import PEERS, TAMIS, Peer, prepare

CONNECTIONS = 32


def main() -> int:
    arguments = parse()
    # An end that is asked for is an end by exception: every server is a context.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    chosen = [peer for peer in PEERS if peer is TAMIS or peer.name in arguments.only or not arguments.only]
    try:
        server_core, client_core, *_ = cores()
        program = wrk.find()
        if not arguments.only:
            readme.require("peers")
        INSTALLED.mkdir(parents=True, exist_ok=True)
        for peer in chosen:
            prepare(peer)
        os.sched_setaffinity(0, {client_core})
        rows = measure(chosen, program, server_core, arguments)
        publish(rows, {peer.name: peer.title for peer in chosen}, arguments)
    except Failure as failure:
        print(f"peers: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("peers: interrupted; every server has ended", file=sys.stderr)
        return 130
    return 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=positive, default=7, help="rounds for each load (7)")
    parser.add_argument("--seconds", type=positive, default=3, help="seconds of a round (3)")
    parser.add_argument("--starts", type=positive, default=5, help="starts that are timed (5)")
    names = [peer.name for peer in PEERS]
    parser.add_argument("--only", action="append", default=[], choices=names, help="beside tamis; may be repeated")
    return parser.parse_args()


def measure(chosen: list[Peer], program: str, core: int, arguments: argparse.Namespace) -> list[Row]:
    """Every figure of every server."""
    with ExitStack() as stack:
        servers, starts = {}, {}
        for peer in chosen:
            # The first start of all fills caches, on disk and in memory.
            with Server(peer, core) as first:
                if peer is TAMIS:
                    expected = [(asked, first.numbers(asked)) for asked in answers.questions()]
                else:
                    say(f"{peer.name}: {answers.check(first, expected)} answers agree")
            times = []
            for _ in range(arguments.starts - 1):
                with Server(peer, core) as again:
                    times.append(again.start_seconds)
            servers[peer.name] = stack.enter_context(Server(peer, core))
            starts[peer.name] = median([*times, servers[peer.name].start_seconds])
        rows = []
        for load in loads.LOADS:
            asked = {name: server for name, server in servers.items() if server.peer.scores_texts or not load.is_text}
            for server in asked.values():
                drive(program, server, load, CONNECTIONS, 1)
            samples = {name: [] for name in asked}
            for at in range(arguments.rounds):
                for name, server in asked.items():
                    samples[name].append(drive(program, server, load, CONNECTIONS, arguments.seconds))
                    say(f"{load.name}, round {at + 1}, {name}: {samples[name][-1].cpu:.2f} us")
            alone = {name: drive(program, server, load, 1, arguments.seconds) for name, server in asked.items()}
            for name, server in asked.items():
                found, ratios = medians(samples[name]), figures.ratios(samples[name], samples["tamis"])
                timed = (found.requests_per_second, found.p50, found.p99, alone[name].p50, alone[name].p99)
                facts = (starts[name] * 1e3, server.resident_kib(), install.size(server.peer.installed))
                rows.append(Row(name, load.name, arguments.rounds, found.cpu, *ratios, *timed, *facts))
        return rows


def drive(program: str, server: Server, load: loads.Load, connections: int, seconds: int) -> Sample:
    """One run of wrk against `server`, from rest to rest."""
    path, body = server.peer.contract.request(load.asked)
    server.settle()
    before = server.cpu_nanoseconds()
    try:
        driven = wrk.drive(program, server.url + path, body, connections, seconds)
    except Failure as failure:
        raise Failure(f"{server.peer.name}, {load.title}: {failure}") from failure
    return sample(driven, server.cpu_nanoseconds() - before)


def publish(rows: list[Row], titles: dict[str, str], arguments: argparse.Namespace) -> None:
    """Prints the tables and, of a whole run, writes all three files."""
    tables = report.markdown(rows, titles, arguments.seconds)
    print(tables)
    if arguments.only:
        return
    readme.write("peers", tables)
    figures.write(rows, HERE / "results.csv")
    report.draw(rows, titles, HERE / "peers.svg")
    say("written: benches/README.md, benches/peers/results.csv, benches/peers/peers.svg")


if __name__ == "__main__":
    sys.exit(main())
