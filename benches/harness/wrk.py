"""Driving a server with `wrk`, which reports in numbers of ours."""

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass

from .common import TOOLS, Failure

SCRIPT = """wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = [==[{body}]==]
done = function(summary, latency, requests)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  local p50, p99 = latency:percentile(50), latency:percentile(99)
  io.write(string.format("wrk %d %d %d %d %d\\n", summary.requests, summary.duration, p50, p99, failed))
end
"""


@dataclass(frozen=True)
class Driven:
    """What one run of wrk saw. Latencies in microseconds."""

    requests: int
    seconds: float
    p50: float
    p99: float


def find() -> str:
    """The program."""
    path = os.pathsep.join([str(TOOLS / "bin"), os.environ.get("PATH", "")])
    if found := shutil.which("wrk", path=path):
        return found
    raise Failure("wrk is not installed: `make tools` unpacks it into .tools/bin, or apt-get install wrk")


def drive(program: str, url: str, body: str, connections: int, seconds: int) -> Driven:
    """POSTs `body` to `url` as fast as it is answered."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(SCRIPT.replace("{body}", body))
        script.flush()
        options = ["-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", "-s", script.name]
        run = subprocess.run([program, *options, url], capture_output=True, text=True)
    if run.returncode != 0:
        raise Failure(f"wrk failed: {(run.stderr or run.stdout).strip()}")
    return parse(run.stdout)


def parse(output: str) -> Driven:
    """What the script wrote; anything but answers with 200 is a failure."""
    lines = [line.split()[1:] for line in output.splitlines() if line.startswith("wrk ")]
    if len(lines) != 1 or len(lines[0]) != 5:
        raise Failure(f"wrk said: {output.strip()}")
    requests, duration, p50, p99, failed = map(int, lines[0])
    if failed:
        raise Failure(f"{failed} requests failed beside {requests} that did not")
    if requests == 0:
        raise Failure("nobody answered")
    return Driven(requests, duration / 1e6, p50, p99)
