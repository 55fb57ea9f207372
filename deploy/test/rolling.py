"""Two daemons behind a real load balancer are replaced one after the other while clients ask without pause: nobody is refused
or cut off, and what clients have counted is what the daemons have, by route.

Once as an HTTP balancer stands before them, with connections of its own, and once as a Service of Kubernetes does, which
gives each connection to one daemon for as long as it lives. The balancer may not try anything twice."""

import json
import tempfile
from pathlib import Path

from clients import ROUTES, Clients
from common import DAEMON, Failure, Processes, fetch, free_port, tool, wait_for

REPLACEMENTS = 3
# Longer than the balancer takes to see that /readyz has turned 503, and than a client takes between two requests.
DRAIN_DELAY = "1s"


class Balanced:
    """Two daemons, the balancer before them and what the daemons said at their ends."""

    def __init__(self, directory: Path, processes: Processes, mode: str):
        self.directory, self.processes, self.logs = directory, processes, []
        self.port, self.statistics = free_port(), free_port()
        self.daemons = {name: (free_port(), None) for name in ("one", "two")}
        for name in self.daemons:
            self.start(name)
        config = directory / "balancer.cfg"
        config.write_text(configuration(mode, self.port, self.statistics, self.daemons), encoding="utf-8")
        self.balancer = processes.start("balancer", tool("haproxy"), "-db", "-f", config)
        for name in self.daemons:
            self.wait_seen(name, "UP")

    def start(self, name: str):
        port = self.daemons[name][0]
        log = f"daemon-{len(self.logs)}"
        flags = ("--listen", f"127.0.0.1:{port}", "--workers", "1", "--drain-delay", DRAIN_DELAY, "--bert", "off")
        self.daemons[name] = (port, self.processes.start(log, DAEMON, *flags))
        self.logs.append(self.directory / f"{log}.log")
        wait_for(f"daemon {name} is ready", lambda: fetch(f"http://127.0.0.1:{port}/readyz")[0] == 200)

    def stop(self, name: str):
        process = self.daemons[name][1]
        process.terminate()
        if code := process.wait(30):
            raise Failure(f"daemon {name} ended with {code}: {self.logs[-1].read_text(encoding='utf-8')}")

    def replace(self, name: str):
        self.stop(name)
        self.start(name)
        self.wait_seen(name, "UP")

    def wait_seen(self, name: str, state: str):
        """Waits until the balancer sees the daemon in that state."""

        def seen() -> bool:
            _, table = fetch(f"http://127.0.0.1:{self.statistics}/;csv")
            rows = [line.split(",") for line in table.decode().splitlines()]
            return any(row[:2] == ["daemons", name] and row[17].startswith(state) for row in rows)

        wait_for(f"the balancer sees {name} {state}", seen)

    def answered(self) -> dict[tuple[str, str], int]:
        """What all daemons say to have answered at the routes of the clients, by route and status."""
        counts: dict[tuple[str, str], int] = {}
        for log in self.logs:
            lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
            if not any(line["message"] == "stopped" and line["gentle"] for line in lines):
                raise Failure(f"a daemon did not end gently: {lines[-1:]}")
            for line in lines:
                if line["message"] == "answered" and line["handler"] in ROUTES:
                    key = (line["handler"], line["status"])
                    counts[key] = counts.get(key, 0) + line["requests"]
        return counts


def configuration(mode: str, port: int, statistics: int, daemons) -> str:
    servers = "\n".join(
        f"    server {name} 127.0.0.1:{own} check inter 100ms fall 1 rise 1" for name, (own, _) in daemons.items()
    )
    return f"""
defaults
    mode {mode}
    timeout connect 2s
    timeout client 30s
    timeout server 30s
    # What is lost is to be seen.
    retries 0
    {"option http-keep-alive" if mode == "http" else ""}

frontend clients
    bind 127.0.0.1:{port}
    default_backend daemons

backend daemons
    balance roundrobin
    option httpchk GET /readyz
{servers}

frontend statistics
    mode http
    bind 127.0.0.1:{statistics}
    stats enable
    stats uri /
"""


def replaced(mode: str) -> tuple[int, int]:
    """Requests answered and connections opened while each daemon is replaced several times."""
    with tempfile.TemporaryDirectory() as name, Processes(Path(name)) as processes:
        balanced = Balanced(Path(name), processes, mode)
        with Clients(balanced.port) as clients:
            wait_for("clients are answered", lambda: clients.total() > 500)
            for _ in range(REPLACEMENTS):
                for daemon in balanced.daemons:
                    before = clients.total()
                    balanced.replace(daemon)
                    wait_for("clients are answered after it", lambda: clients.total() > before + 500)
        for daemon in balanced.daemons:
            balanced.stop(daemon)
        if clients.failures:
            raise Failure(f"{mode}: {len(clients.failures)} of {clients.total()} lost, as: {clients.failures[:3]}")
        if (told := balanced.answered()) != clients.answered:
            raise Failure(f"{mode}: clients counted {clients.answered}, the daemons {told}")
        return clients.total(), clients.connections


def check() -> str:
    said = []
    for mode in ("http", "tcp"):
        requests, connections = replaced(mode)
        said.append(f"{mode}: {requests} requests on {connections} connections")
    return f"{2 * REPLACEMENTS} replacements each, none lost, both sides agree; {'; '.join(said)}"
