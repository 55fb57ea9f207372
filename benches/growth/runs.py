"""How each series is measured: rounds over all of its points, so that what the machine does besides falls on all."""

import math
import os
import resource
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass

import oha
from common import say
from daemon import Daemon, metrics
from harness import figures, wrk
from harness.common import Failure
from harness.figures import Sample, median
from series import CONNECTIONS, RATED, SHARED, SHARES, SIMPLE, SIZES, Load, Series


@dataclass(frozen=True)
class Run:
    """How much of it is measured, with what, and where: the server has the first cores, the client the rest."""

    rounds: int
    seconds: int
    wrk: str
    cores: list[int]

    def place(self, workers: int) -> set[int]:
        """Pins this process, and so its clients, to the cores that `workers` leave, to all where they leave none; the
        workers' cores."""
        servers, clients = self.cores[:workers], self.cores[workers:] or self.cores
        os.sched_setaffinity(0, set(clients))
        return set(servers)


@dataclass
class Point:
    """A point of a series, or of one of its `group`s, with a sample of each round."""

    at: int
    group: str
    samples: list


@dataclass
class Measured:
    """A series as it was measured, or a word why it was not, or not wholly."""

    points: list[Point]
    note: str = ""


def measure(name: str, run: Run) -> Measured:
    """The series of that name."""
    match name:
        case "connections":
            return connections(run)
        case "workers":
            return workers(run)
        case "rate":
            return rate(run)
        case _:
            return sizes(next(series for series in SIZES if series.name == name), run)


def sizes(series: Series, run: Run) -> Measured:
    """CPU and latency by what a request holds."""
    with Daemon(series.settings, run.place(1)) as daemon:
        loads = {at: series.load(at) for at in series.points}
        if (status := daemon.status(loads[series.points[0]])) != 200:
            return Measured([], f"skipped: {loads[series.points[0]].path} answers {status} here")
        points = [Point(at, "", []) for at in series.points]
        for point in points:
            rest_to_rest(daemon, loads[point.at], series.connections, 1, run)
        for turn in range(run.rounds):
            for point in points:
                found = rest_to_rest(daemon, loads[point.at], series.connections, run.seconds, run)
                point.samples.append(found)
                say(f"{series.name}, round {turn + 1}, {point.at} {series.axis}: {found.cpu:.2f} us")
    return Measured(points)


def rest_to_rest(daemon: Daemon, load: Load, connections: int, seconds: int, run: Run) -> Sample:
    """One run of wrk, all that it cost."""
    daemon.settle()
    before = daemon.cpu_nanoseconds()
    try:
        driven = wrk.drive(run.wrk, daemon.url + load.path, load.body, connections, seconds)
    except Failure as failure:
        raise Failure(f"{load.title}: {failure}") from failure
    return figures.sample(driven, daemon.cpu_nanoseconds() - before)


def connections(run: Run) -> Measured:
    """CPU and latency by how many connections ask at once, all open before the clock starts."""
    most = descriptors() - SPARE
    points = [Point(at, "", []) for at in CONNECTIONS.points if at <= most]
    left_out = [at for at in CONNECTIONS.points if at > most]
    notes = [f"{at:,} connections: left out, {most + SPARE:,} files may be open" for at in left_out]
    with Daemon(CONNECTIONS.settings, run.place(1)) as daemon:
        rest_to_rest(daemon, CONNECTIONS.load(1), 32, 1, run)
        for turn in range(run.rounds):
            for point in points:
                if (found := window(daemon, CONNECTIONS.load(point.at), point.at, run)) is None:
                    notes.append(f"{point.at:,} connections: not all were open in round {turn + 1}, which does not count")
                    continue
                point.samples.append(found)
                say(f"connections, round {turn + 1}, {point.at}: {found.cpu:.2f} us")
    return Measured([point for point in points if point.samples], "; ".join(notes))


def window(daemon: Daemon, load: Load, connections: int, run: Run) -> Sample | None:
    """What requests cost while wrk holds so many connections open, by the daemon's own count of requests; `None` if they
    were not open in time. The latencies are of the whole of wrk's run."""
    daemon.settle()
    # Beyond the listener's backlog a client tries again after a second.
    opening = 0.25 + connections / 2048
    scrape = daemon.connect()
    with ThreadPoolExecutor(1) as pool:
        metrics(scrape)
        length = math.ceil(opening + run.seconds + 0.5)
        driving = pool.submit(wrk.drive, run.wrk, daemon.url + load.path, load.body, connections, length)
        time.sleep(opening)
        before, cpu, begin = metrics(scrape), daemon.cpu_nanoseconds(), time.perf_counter()
        time.sleep(run.seconds)
        after, spent, seconds = metrics(scrape), daemon.cpu_nanoseconds() - cpu, time.perf_counter() - begin
        driven = driving.result()
    scrape.close()
    if before["tamis_connections_open"] <= connections:
        return None
    requests = after["http_requests_total"] - before["http_requests_total"]
    return figures.sample(wrk.Driven(requests, seconds, driven.p50, driven.p99), spent)


def workers(run: Run) -> Measured:
    """What each further worker adds, up to one for each core; the last of them share theirs with wrk."""
    counts = worker_counts(len(run.cores))
    points = [Point(count, load.title, []) for load in SHARED for count in counts]
    with ExitStack() as stack:
        settings = {count: ["--workers", str(count), *SIMPLE[2:]] for count in counts}
        daemons = {count: stack.enter_context(Daemon(settings[count], run.place(count))) for count in counts}
        for turn in range(run.rounds + 1):
            for point in points:
                load = next(load for load in SHARED if load.title == point.group)
                run.place(point.at)
                seconds = run.seconds if turn else 1
                found = rest_to_rest(daemons[point.at], load, 32 * point.at, seconds, run)
                # The first one warms up.
                if turn:
                    point.samples.append(found)
                    say(f"workers, round {turn}, {point.at}, {load.title}: {found.requests_per_second:.0f} a second")
    return Measured(points, f"With {counts[-1]} workers wrk has no core of its own.")


def worker_counts(cores: int) -> list[int]:
    """1, 2, 4 and so on below `cores`, and `cores`."""
    return sorted({2**power for power in range(cores.bit_length()) if 2**power <= cores} | {cores})


def rate(run: Run) -> Measured:
    """Latency by a rate of requests that does not wait for answers, in percent of the rate at which they are answered."""
    program = oha.find()
    points = [Point(share, "", []) for share in SHARES]
    with Daemon(SIMPLE, run.place(1)) as daemon:

        def drive(seconds: int, asked: int | None) -> oha.Rated:
            daemon.settle()
            return oha.drive(program, daemon.url, RATED, OPEN, seconds, asked)

        drive(1, None)
        capacity = median([drive(run.seconds, None).answered for _ in range(run.rounds)])
        say(f"rate: {capacity:.0f} a second at most")
        for turn in range(run.rounds):
            for point in points:
                found = drive(LONGER * run.seconds, max(1, round(capacity * point.at / 100)))
                point.samples.append(found)
                say(f"rate, round {turn + 1}, {point.at} %: p99 {found.p99:.0f} us, {found.answered:.0f} a second")
    return Measured(points)


def descriptors() -> int:
    """How many files a process may open, raised as far as it goes for this one and its children."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return 1 << 20 if hard == resource.RLIM_INFINITY else hard


# A rate is held for so many times the seconds of a round: its 99.9th percentile needs the requests.
LONGER = 2
# Files that a client and the daemon have open beside their connections.
SPARE = 64
# Connections on which requests that are due can be sent at once.
OPEN = 64
