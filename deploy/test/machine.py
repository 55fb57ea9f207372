"""Machines to install on: systemd as process 1, in namespaces of its own over a copy of this machine that is written to
in memory alone."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from common import Failure, LeftOut, run, tool, wait_for

SYSTEMD = Path("/lib/systemd/systemd")
# Whose last lines are said where a test fails.
UNITS = ("--unit=tamis.service", "--unit=docker.service", "--unit=containerd.service")
HERE = Path(__file__).resolve().parent


class Machine:
    """A booted machine; gone, with all that was written to it, when the block ends."""

    def __init__(self, directory: Path, name: str, *layer: Path):
        if os.geteuid() != 0:
            raise LeftOut("namespaces need root")
        if not SYSTEMD.exists() or not shutil.which("unshare"):
            raise LeftOut("systemd or unshare is not installed")
        self.name, self.log = name, directory / f"{name}.log"
        (directory / name).mkdir()
        spaces = [f"--{space}" for space in ("pid", "fork", "mount", "net", "uts", "ipc", "cgroup", "kill-child")]
        with open(self.log, "wb") as log:
            self.unshare = subprocess.Popen(
                ["unshare", *spaces, HERE / "machine.sh", directory / name, *layer],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        try:
            self.pid = wait_for(f"{name} to have a process 1", self._first)
            wait_for(f"{name} to boot: {self.log}", self._booted)
        except (Failure, OSError) as failure:
            self.stop()
            raise Failure(f"{failure}\n{self.log.read_text()}") from failure

    def _first(self) -> int:
        """Its process 1 as this machine numbers it, 0 while there is none."""
        if self.unshare.poll() is not None:
            raise Failure(f"{self.name} has ended")
        children = Path(f"/proc/{self.unshare.pid}/task/{self.unshare.pid}/children").read_text().split()
        return int(children[0]) if children else 0

    def _booted(self) -> bool:
        if self._first() and Path(f"/proc/{self.pid}/comm").read_text().strip() != "systemd":
            return False
        said = subprocess.run(
            self.command("systemctl", "is-system-running"), capture_output=True, text=True, check=False
        )
        return said.stdout.strip() in ("running", "degraded")

    def command(self, *command) -> list[str]:
        """That command, for this machine to run."""
        spaces = ("mount", "uts", "ipc", "net", "pid", "cgroup", "root", "wd")
        return [
            "nsenter",
            f"--target={self.pid}",
            *(f"--{space}" for space in spaces),
            *(str(part) for part in command),
        ]

    def run(self, *command, **more) -> str:
        return run(*self.command(*command), **more)

    def show(self, unit: str, *properties: str) -> dict[str, str]:
        """Properties of a unit, as systemd has them."""
        lines = self.run("systemctl", "show", f"--property={','.join(properties)}", unit).splitlines()
        return dict(line.split("=", 1) for line in lines if line)

    def fetch(self, path: str, body: str = "", *headers: str, port: int = 8000) -> tuple[int, str]:
        """Status and body of http://127.0.0.1:PORT/PATH as that machine sees it; 0 where nobody answers."""
        more = [part for header in headers for part in ("--header", header)]
        if body:
            more += ["--data", body, "--header", "content-type: application/json"]
        asked = [tool("curl"), "--silent", "--write-out", r"\n%{http_code}", *more, f"http://127.0.0.1:{port}{path}"]
        command = ["nsenter", f"--target={self.pid}", "--net", *asked]
        said = subprocess.run(command, capture_output=True, text=True, check=False)
        answer, _, status = said.stdout.rpartition("\n")
        return int(status or 0), answer

    def stop(self):
        with contextlib.suppress(OSError, Failure):
            if first := self._first():
                os.kill(first, signal.SIGKILL)
        try:
            self.unshare.wait(10)
        except subprocess.TimeoutExpired:
            self.unshare.kill()
            self.unshare.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


@contextlib.contextmanager
def machines(*names: str, layer: tuple[Path, ...] = ()):
    """The machines of these names, with what is unpacked in `layer`, and a directory for what else a test writes."""
    with tempfile.TemporaryDirectory(prefix="tamis-machines-") as directory, contextlib.ExitStack() as stack:
        running = [stack.enter_context(Machine(Path(directory), name, *layer)) for name in names]
        try:
            yield running, Path(directory)
        except Failure as failure:
            journals = [
                machine.run("journalctl", "--no-pager", "--lines=20", "--no-hostname", *UNITS) for machine in running
            ]
            raise Failure("\n".join([str(failure), *journals])) from failure
