"""The images under limits, read-only and without a capability: start, answers, health, load, memory, the way out."""

import json
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from common import Failure, run, tool, wait_for
from containment import Container
from images import CONTAINERS, containers, image


@dataclass
class Case:
    """What a container gets, and the slowest of its models that is asked."""

    variant: str
    cores: float
    mebibytes: int
    flags: tuple[str, ...]
    model: str

    @property
    def name(self) -> str:
        return " ".join([self.variant, *self.flags])


CASES = [
    # The least that Autopilot gives a Pod where it may burst, and where it may not.
    Case("simple", 0.05, 52, (), "simple"),
    Case("simple", 0.25, 64, (), "simple"),
    Case("bert", 0.05, 52, ("--bert", "off"), "simple"),
    Case("bert", 0.25, 128, (), "bert"),
]
# Four times the slowest start that has been seen, with a twentieth of a busy core.
READY_SECONDS = 3
LOAD_SECONDS = 3


def check() -> str:
    seen = [tried(case) for case in CASES]
    if remaining := left_over():
        raise Failure("\n".join(["this is left over:", *remaining]))
    return "; ".join(seen)


def tried(case: Case) -> str:
    with Container(image(case.variant).tag, case.cores, case.mebibytes, *case.flags) as container:
        ready = container.start()
        if ready > READY_SECONDS:
            raise Failure(f"{case.name} was ready {ready:.1f} s after exec")
        confined(container, case)
        answers(container, case)
        health(container)
        rate = load(container, case)
        highest, charged = container.highest(), container.charged()
        ended(container)
    return (
        f"{case.name} in {case.cores * 1000:.0f}m CPU and {case.mebibytes} MiB: "
        f"ready {ready * 1000:.0f} ms after exec, {rate:.0f} requests/s of {case.model}, "
        f"{highest:.1f} MiB resident and {charged:.1f} MiB charged at most"
    )


def confined(container: Container, case: Case):
    """As the kernel says it."""
    status = container.status()
    expected = {"Uid": "65532", "CapEff": "0" * 16, "CapBnd": "0" * 16, "NoNewPrivs": "1", "Seccomp": "2"}
    for name, value in expected.items():
        if status[name].split()[0] != value:
            raise Failure(f"{name} is {status[name]}, not {value}")
    if (limits := container.limits()) != (case.cores, case.mebibytes):
        raise Failure(f"its limits are {limits}")
    root = next(line.split() for line in container.of_process("mountinfo").splitlines() if line.split()[4] == "/")
    if "ro" not in root[5].split(","):
        raise Failure(f"its root can be written: {' '.join(root)}")


def answers(container: Container, case: Case):
    def asked(path: str, body: dict) -> dict:
        status, answer = container.fetch(path, body)
        if status != 200:
            raise Failure(f"{case.name}: {path} answers {status}: {answer.decode()}")
        return json.loads(answer)

    body = {"text": "You are stupid and I hate you!", "model": case.model}
    wait_for(f"{case.model} is loaded", lambda: container.fetch("/analyze", body)[0] == 200)
    toxic, kind = asked("/analyze", body), asked("/analyze", {**body, "text": "Thank you for the kind words."})
    if not toxic["score"] > 50 > kind["score"] or toxic["model_used"] != case.model:
        raise Failure(f"{case.name}: {toxic} and {kind}")
    iris = asked("/predict", {"features": [5.1, 3.5, 1.4, 0.2]})
    if "setosa" not in json.dumps(iris):
        raise Failure(f"{case.name}: {iris}")
    scrape = container.fetch("/metrics")[1].decode()
    if not re.search(r"^toxicity_api_requests_total\{.*\} [1-9]", scrape, re.MULTILINE):
        raise Failure(f"{case.name}: a scrape without the requests:\n{scrape[:2000]}")


def health(container: Container):
    """HEALTHCHECK says yes; and no, where nobody answers."""
    if code := container.healthy():
        raise Failure(f"HEALTHCHECK exits with {code}")
    if not container.answered_at("127.0.0.1:1"):
        raise Failure("healthcheck is content with a port where nobody listens")


def load(container: Container, case: Case) -> float:
    """Requests a second, of clients outside the limits."""
    with tempfile.TemporaryDirectory() as directory:
        script = Path(directory) / "post.lua"
        body = json.dumps({"text": "You are stupid and I hate you!", "model": case.model})
        script.write_text(
            f"wrk.method = 'POST'\nwrk.body = '{body}'\nwrk.headers['content-type'] = 'application/json'\n",
            encoding="utf-8",
        )
        said = run(
            *container.inside(),
            *(
                tool("wrk"),
                "--threads",
                "1",
                "--connections",
                "4",
                "--duration",
                f"{LOAD_SECONDS}s",
                "--timeout",
                "10s",
            ),
            *("--script", script, "http://127.0.0.1:8000/analyze"),
        )
    if "Non-2xx" in said or "Socket errors" in said:
        raise Failure(f"{case.name}: {said}")
    return float(re.search(r"Requests/sec: +([\d.]+)", said)[1])


def ended(container: Container):
    """SIGTERM ends it well."""
    code, seconds = container.terminate()
    if code != 0 or seconds > 5:
        raise Failure(f"after SIGTERM it exits with {code}, {seconds:.1f} s later:\n{container.logs()}")


def left_over() -> list[str]:
    """Containers, mounts, processes and control groups that should be gone."""
    mounts = Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()
    processes = [arguments(path) for path in Path("/proc").glob("[0-9]*/cmdline")]
    return [
        *containers("podman", "ps", "--all", "--quiet").split(),
        *(mount for mount in mounts if str(CONTAINERS) in mount),
        *(process for process in processes if "conmon" in process and str(CONTAINERS) in process),
        *(str(group) for group in Path("/sys/fs/cgroup").glob("*/libpod*")),
    ]


def arguments(path: Path) -> str:
    """A process's; none of one that has just ended."""
    try:
        return path.read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""
