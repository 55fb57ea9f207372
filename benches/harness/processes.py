"""A server as a process on cores of its own: started, measured, ended."""

import ctypes
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from .common import ROOT, Failure

PATIENCE = 60.0
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)


class Process:
    """A running server. As a context it ends with its block; with the run that started it, too, however that ends."""

    def __init__(
        self,
        name: str,
        command: list[str],
        cores: set[int],
        log: Path,
        answers: Callable[[], bool],
        environment: dict[str, str] | None = None,
        folder: Path = ROOT,
    ):
        """Starts `command` on `cores` and waits until it `answers`, which may raise `OSError` before."""
        self.name, self.log, self._answers = name, log, answers

        def child() -> None:
            LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            os.sched_setaffinity(0, cores)

        begin = time.perf_counter()
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                command, env=os.environ | (environment or {}), cwd=folder, stdout=out, stderr=out, preexec_fn=child
            )
        try:
            self._wait(begin + PATIENCE)
        except BaseException:
            self.stop()
            raise
        self.start_seconds = time.perf_counter() - begin

    def __enter__(self):
        return self

    def __exit__(self, *_) -> None:
        self.stop()

    def _wait(self, deadline: float) -> None:
        while True:
            try:
                if self._answers():
                    return
            except OSError:
                pass
            if self.process.poll() is not None:
                raise Failure(f"{self.name} ended with {self.process.returncode}: {self._said()}")
            if time.perf_counter() > deadline:
                raise Failure(f"{self.name} does not answer: {self._said()}")
            time.sleep(0.001)

    def _said(self) -> str:
        return self.log.read_text(errors="replace")[-2000:].strip() or "it said nothing"

    def cpu_nanoseconds(self) -> int:
        """How long all threads of the server and of its children have run, user and kernel."""
        return sum(ran(pid) for pid in tree(self.process.pid))

    def resident_kib(self) -> int:
        """Resident memory of the server and its children."""
        return sum(resident(pid) for pid in tree(self.process.pid))

    def settle(self) -> None:
        """Waits until the server has done with what clients who left had asked: 2 % of a core or less for 0.1 s."""
        deadline = time.perf_counter() + PATIENCE
        before = self.cpu_nanoseconds()
        while time.perf_counter() < deadline:
            time.sleep(0.1)
            now = self.cpu_nanoseconds()
            if now - before < 2_000_000:
                return
            before = now
        raise Failure(f"{self.name} does not come to rest")

    def stop(self) -> None:
        """Ends the server and its children, by their process ids."""
        children = tree(self.process.pid)[1:]
        self.process.terminate()
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for pid in children:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass


def tree(root: int) -> list[int]:
    """`root` and all that descend from it."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = parent(entry.joinpath("stat").read_text())
            except OSError:
                continue
    found = [root]
    for pid in found:
        found += [child for child, of in parents.items() if of == pid]
    return found


def parent(stat: str) -> int:
    """The parent's id in `/proc/PID/stat`; the name before it may hold anything."""
    return int(stat.rpartition(")")[2].split()[1])


def ran(pid: int) -> int:
    """Nanoseconds that the threads of `pid` have run; 0 for one that is gone."""
    total = 0
    for task in Path(f"/proc/{pid}/task").glob("*"):
        try:
            total += int(task.joinpath("schedstat").read_text().split()[0])
        except OSError:
            continue
    return total


def resident(pid: int) -> int:
    """`VmRSS` in KiB; 0 for one that is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:")), 0)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
