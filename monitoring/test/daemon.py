"""The daemon, and clients that load it: iris and toxicity, mistakes, slow bodies, more than its queue holds."""

import http.client
import json
import socket
import tempfile
import threading
import time
from pathlib import Path

from common import DAEMON, Failure, Processes, Skipped, fetch, free_port, wait_for

FLOWERS = ([5.1, 3.5, 1.4, 0.2], [6.0, 2.7, 5.1, 1.6], [6.7, 3.0, 5.2, 2.3], [5.9, 3.0, 4.2, 1.5])
# Of each kind that is turned on and off.
CLIENTS = 12
TEXTS = (
    "Thank you for the kind words.",
    "You are stupid and I hate you!",
    "The train leaves at noon.",
    "Nobody likes you, go away.",
)


def start(processes: Processes, port: int, *flags):
    """A daemon of one worker on that port; it may not answer yet."""
    if not DAEMON.exists():
        raise Skipped(f"there is no daemon {DAEMON}: make build, or set TAMIS_BIN")
    return processes.start("daemon", DAEMON, "--listen", f"127.0.0.1:{port}", "--workers", "1", *flags)


def exposition() -> str:
    """A scrape of a daemon with all of its models."""
    with tempfile.TemporaryDirectory() as directory, Processes(Path(directory)) as processes:
        port = free_port()
        process = start(processes, port)

        def loaded() -> str:
            if process.poll() is not None:
                raise Failure(
                    "the daemon has ended: " + (Path(directory) / "daemon.log").read_text(encoding="utf-8").strip()
                )
            text = fetch(f"http://127.0.0.1:{port}/metrics")[1].decode()
            return text if 'model_loaded{model="bert"} 1' in text else ""

        return wait_for("bert is loaded", loaded, 60)


class Load:
    """Clients in threads. `wrong`: the share of mistakes, 0 to 1. `slow`: clients that take a second over a body.
    `flood`: clients that ask bert for more than its queue holds."""

    def __init__(self, port: int):
        self.port, self.wrong, self.slow, self.flood = port, 0.02, 0, 0
        self.ended, self.answers = threading.Event(), {}
        self.threads = [threading.Thread(target=self.steady, args=(index,)) for index in range(3)]
        self.threads += [threading.Thread(target=self.trickle, args=(index,)) for index in range(CLIENTS)]
        self.threads += [threading.Thread(target=self.overfill, args=(index,)) for index in range(CLIENTS)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        for thread in self.threads:
            thread.join()

    def count(self, status: int):
        self.answers[status] = self.answers.get(status, 0) + 1

    def steady(self, index: int):
        """About 25 requests a second, on one connection while it lasts; mistakes as their share asks."""
        connection, sent, mistakes = None, index, 0.0
        while not self.ended.wait(0.03):
            connection = connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
            sent += 1
            mistakes += self.wrong
            if mistakes >= 1:
                mistakes -= 1
                path, body = (
                    ("/predict", {"features": [1]}),
                    ("/analyze", {"text": ""}),
                    ("/nowhere", {}),
                    ("/predict", {}),
                )[sent % 4]
            elif sent % 40 == 0:
                path, body = "/analyze", {"text": TEXTS[sent % 4], "model": "bert"}
            elif sent % 2:
                path, body = "/predict", {"features": FLOWERS[sent // 2 % 4]}
            else:
                path, body = "/analyze", {"text": TEXTS[sent // 2 % 4]}
            try:
                connection.request("POST", path, json.dumps(body), {"content-type": "application/json"})
                answer = connection.getresponse()
                answer.read()
                self.count(answer.status)
            except (OSError, http.client.HTTPException):
                connection.close()
                connection = None
                self.count(0)

    def trickle(self, index: int):
        """A body that takes 1.2 s to arrive."""
        while not self.ended.wait(0.05):
            if index >= self.slow:
                continue
            body = json.dumps({"text": TEXTS[index % 4]}).encode()
            try:
                with socket.create_connection(("127.0.0.1", self.port), 10) as stream:
                    stream.sendall(
                        b"POST /analyze HTTP/1.1\r\nhost: tamis\r\nconnection: close\r\n"
                        b"content-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
                    )
                    time.sleep(1.2)
                    stream.sendall(body)
                    self.count(int(stream.recv(4096).split(b" ")[1]))
            except (OSError, IndexError, ValueError):
                self.count(0)

    def overfill(self, index: int):
        while not self.ended.wait(0.05):
            if index < self.flood:
                body = json.dumps({"text": " ".join(TEXTS) * 8, "model": "bert"}).encode()
                self.count(fetch(f"http://127.0.0.1:{self.port}/analyze", body)[0])


def expect(load: Load, *statuses: int):
    """The load has been answered with each of these."""
    if missing := set(statuses) - load.answers.keys():
        raise Failure(f"nobody was answered with {sorted(missing)}: {load.answers}")
