"""Tools and small functions that the steps of monitoring/test and deploy/test share."""

import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOOLS = Path(os.environ.get("TAMIS_TOOLS", ROOT / ".tools"))
DAEMON = Path(os.environ.get("TAMIS_BIN", ROOT / "target/debug/tamis"))
REQUIRED = os.environ.get("CI") == "true"


class Failure(Exception):
    """What a check found wrong, a line for each."""


class Skipped(Exception):
    """What a check lacks and `make tools` installs. With CI=true it fails instead."""


class LeftOut(Exception):
    """What this machine does not let a check do, whatever is installed: it is said, and fails nowhere."""


def tool(name: str) -> str:
    """The program of that name from .tools, or from the machine."""
    own = TOOLS / "bin" / name
    found = str(own) if own.exists() else shutil.which(name)
    if not found:
        raise Skipped(f"{name} is not installed: make tools")
    return found


def run(*command, **more) -> str:
    """The standard output of a command that succeeds; else a Failure with all that it said."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, **more)
    if done.returncode != 0:
        raise Failure(f"{' '.join(str(part) for part in command)}\n{done.stdout}{done.stderr}".rstrip())
    return done.stdout


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def fetch(
    url: str, body: bytes | None = None, content_type: str = "application/json", timeout: float = 10
) -> tuple[int, bytes]:
    """Status and body; of errors too. 0 where nobody answers."""
    request = urllib.request.Request(url, data=body, headers={"content-type": content_type} if body is not None else {})
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except OSError:
        return 0, b""


def wait_for(what: str, condition, seconds: float = 30):
    """The first true value of `condition()`; a Failure that says `what` if there is none in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.1)
    raise Failure(f"waited {seconds:.0f} s in vain: {what}")


class Processes:
    """Programs that end with the block, last first, with their output in files of `directory`."""

    def __init__(self, directory: Path):
        self.directory, self.running = directory, []

    def start(self, name: str, *command, **more) -> subprocess.Popen:
        with open(self.directory / f"{name}.log", "ab") as log:
            process = subprocess.Popen([str(part) for part in command], stdout=log, stderr=log, **more)
        self.running.append(process)
        return process

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in reversed(self.running):
            if process.poll() is None:
                process.terminate()
        for process in self.running:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
