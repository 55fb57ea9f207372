"""Driving a server with `oha` at a rate that does not wait for answers."""

import json
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from common import say
from harness.common import TOOLS, Failure
from series import Load

# The one that was tried: options and names in its JSON differ between versions.
VERSION = "1.16.0"


@dataclass(frozen=True)
class Rated:
    """What one run at a rate saw. Rates per second; latencies in microseconds, counted from when a request was due and not
    from when it could be sent (Tene, "How not to measure latency"; wrk2)."""

    asked: float
    answered: float
    p50: float
    p99: float
    p999: float


def find() -> str:
    """The program, built and installed below the tools where it is missing."""
    path = os.pathsep.join([str(TOOLS / "bin"), os.environ.get("PATH", "")])
    if (found := shutil.which("oha", path=path)) and version(found) == VERSION:
        return found
    if not shutil.which("cargo"):
        raise Failure(f"oha {VERSION} is not installed, nor is cargo, which builds it")
    say(f"oha {VERSION} is not there: building it into {TOOLS / 'bin'}, about four minutes, once")
    command = ["cargo", "install", "--locked", "--force", "oha", "--version", VERSION, "--root", str(TOOLS)]
    if subprocess.run(command).returncode != 0:
        raise Failure(f"failed: {' '.join(command)}")
    return str(TOOLS / "bin/oha")


def version(program: str) -> str:
    """What `oha --version` says behind the name; nothing of one that does not run."""
    try:
        said = subprocess.run([program, "--version"], capture_output=True, text=True).stdout.split()
    except OSError:
        return ""
    return said[1] if len(said) > 1 else ""


def drive(program: str, url: str, load: Load, connections: int, seconds: int, rate: int | None) -> Rated:
    """POSTs `load` for `seconds`: `rate` times a second, or as fast as it is answered."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as body:
        body.write(load.body)
        body.flush()
        options = ["--no-tui", "--output-format", "json", "--worker-threads", "1", "-c", str(connections)]
        options += ["-z", f"{seconds}s", "-m", "POST", "-T", "application/json", "-D", str(Path(body.name))]
        options += [] if rate is None else ["-q", str(rate), "--latency-correction"]
        run = subprocess.run([program, *options, url + load.path], capture_output=True, text=True)
    if run.returncode != 0:
        raise Failure(f"oha failed: {(run.stderr or run.stdout).strip()}")
    return parse(run.stdout, rate)


def parse(output: str, rate: int | None) -> Rated:
    """What oha reports; answers other than 200 are a failure, requests that the end cut off are none."""
    try:
        report = json.loads(output)
        answers, errors = report["statusCodeDistribution"], report["errorDistribution"]
        answered = answers.get("200", 0) / report["summary"]["total"]
        latencies = [report["latencyPercentiles"][name] for name in ("p50", "p99", "p99.9")]
    except (ValueError, KeyError) as error:
        raise Failure(f"oha says what cannot be read ({error!r}): {output[:500]}") from error
    if wrong := {name: count for name, count in (answers | errors).items() if name not in ("200", CUT_OFF)}:
        raise Failure(f"not all requests were answered with 200: {wrong}")
    if None in latencies or not answered:
        raise Failure("nobody answered")
    return Rated(answered if rate is None else float(rate), answered, *(second * 1e6 for second in latencies))


CUT_OFF = "aborted due to deadline"
