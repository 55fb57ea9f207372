"""The questions that are asked of what has just been rolled out: a good daemon passes, and each bad one does not."""

import os
import subprocess
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from common import DAEMON, DEPLOY, Failure, Processes, Skipped, free_port, run
from release import VERSION

SMOKE = DEPLOY / "release/smoke.py"


def check() -> str:
    if not DAEMON.exists():
        raise Skipped(f"there is no daemon {DAEMON}: make build, or set TAMIS_BIN")
    with tempfile.TemporaryDirectory() as name, Processes(Path(name)) as processes:
        directory = Path(name)
        good, closed, admin = (f"http://127.0.0.1:{free_port()}" for _ in range(3))
        key, line = credentials()
        (directory / "keys").write_text(line, encoding="utf-8")
        listen(processes, good)
        locks = ("--auth", "api-key", "--auth-metrics", "closed", "--api-keys", directory / "keys")
        listen(processes, closed, *locks, "--admin-listen", admin.removeprefix("http://"))
        passed = asked(good, VERSION)
        for address, version, more, says in (
            (closed, VERSION, {"SMOKE_ADMIN_URL": admin}, "401"),
            (good, "0.0.0", {}, "WRONG version"),
            (f"http://127.0.0.1:{free_port()}", VERSION, {"SMOKE_SECONDS": "1"}, "not ready after 1 s"),
        ):
            refused(address, version, more, says)
        with HTTPServer(("127.0.0.1", 0), Agreeable) as server:
            threading.Thread(target=server.serve_forever).start()
            said = refused(f"http://127.0.0.1:{server.server_port}", VERSION, {}, "WRONG")
            server.shutdown()
        if "ok " in said:
            raise Failure(f"an empty answer is good enough:\n{said}")
        asked(closed, VERSION, SMOKE_API_KEY=key, SMOKE_ADMIN_URL=admin)
    return f"{passed} questions, with a key and without; 4 that must fail, fail"


def listen(processes: Processes, address: str, *flags):
    processes.start("daemon", DAEMON, "--workers", "1", "--listen", address.removeprefix("http://"), *flags)


def credentials() -> tuple[str, str]:
    """A key with every scope, and its line in the file of keys."""
    lines = run(DAEMON, "new-key", "--scopes", "analyze,predict,admin", "test").splitlines()
    said = dict(line.split() for line in lines)
    return said["key"], said["line"] + "\n"


class Agreeable(BaseHTTPRequestHandler):
    """Answers 200 and {} to everything."""

    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}")

    do_POST = do_GET

    def log_message(self, *_):
        """Nothing."""


def asked(address: str, version: str, **environment) -> int:
    said = run(sys.executable, SMOKE, address, version, env=os.environ | environment)
    lines = said.splitlines()
    if not lines or not all(line.startswith("smoke.py: ok") for line in lines):
        raise Failure(said)
    return len(lines)


def refused(address: str, version: str, more: dict, says: str) -> str:
    command = [sys.executable, str(SMOKE), address, version]
    done = subprocess.run(command, env=os.environ | more, capture_output=True, text=True, check=False)
    if done.returncode != 1 or says not in done.stdout + done.stderr:
        raise Failure(f"{address} {version}: exit {done.returncode}, {done.stdout}{done.stderr}")
    return done.stdout
