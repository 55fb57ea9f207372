"""A server as a process on a core of its own: started, asked, measured, ended."""

import ctypes
import http.client
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

from common import INSTALLED, Failure
from servers import Peer

PATIENCE = 60.0
PR_SET_PDEATHSIG = 1
# Whatever a library would like to start, one core has no use for more than one thread.
ONE_THREAD = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL", "NUMEXPR")}
LIBC = ctypes.CDLL(None)


class Server:
    """A running `peer`. As a context it ends with its block; with the run that started it, too, however that ends."""

    def __init__(self, peer: Peer, core: int):
        self.peer, self.port = peer, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = INSTALLED / f"{peer.name}.log"

        def child() -> None:
            LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            os.sched_setaffinity(0, {core})

        ports = {"port": self.port, "second": free_port(), "third": free_port()}
        command = [word.format(**ports) for word in peer.command]
        environment = os.environ | ONE_THREAD | {key: value.format(**ports) for key, value in peer.environment.items()}
        begin = time.perf_counter()
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command, env=environment, cwd=peer.folder, stdout=log, stderr=log, preexec_fn=child
            )
        try:
            self._wait(begin + PATIENCE)
        except BaseException:
            self.stop()
            raise
        self.start_seconds = time.perf_counter() - begin

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_) -> None:
        self.stop()

    def _wait(self, deadline: float) -> None:
        """Until an iris is classified with 200."""
        while True:
            try:
                if self._post([5.1, 3.5, 1.4, 0.2])[0] == 200:
                    return
            except (OSError, http.client.HTTPException):
                pass
            if self.process.poll() is not None:
                raise Failure(f"{self.peer.name} ended with {self.process.returncode}: {self._said()}")
            if time.perf_counter() > deadline:
                raise Failure(f"{self.peer.name} does not answer: {self._said()}")
            time.sleep(0.001)

    def _said(self) -> str:
        return self.log.read_text(errors="replace")[-2000:].strip() or "it said nothing"

    def _post(self, asked: list | str) -> tuple[int, bytes]:
        path, body = self.peer.contract.request(asked)
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request("POST", path, body, {"content-type": "application/json"})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def numbers(self, asked: list | str) -> list[float]:
        """The numbers with which the server answers."""
        status, answer = self._post(asked)
        if status != 200:
            raise Failure(f"{self.peer.name} answers {asked!r:.80} with {status}: {answer[:200]!r}")
        try:
            return self.peer.contract.numbers(asked, answer)
        except (ValueError, KeyError) as error:
            raise Failure(f"{self.peer.name} answers {asked!r:.80} with {answer[:200]!r}: {error}") from error

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
        raise Failure(f"{self.peer.name} does not come to rest")

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
