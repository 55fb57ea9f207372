"""The daemon under test, and the requests that give its page something to show."""

import http.client
import json
import math
import random
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request

IRISES = ([5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3], [5.9, 2.8, 4.4, 1.3])
TEXTS = (
    "Thank you for explaining why you made that edit.",
    "You are stupid and I hate you!",
    "I disagree with this change.",
    "This is nonsense, go away.",
    "Please see the talk page.",
    "That was a dumb idea.",
    "Great work on the article.",
    "Nobody likes you.",
)


class Daemon:
    """A daemon of one port, which it keeps when it is started again."""

    def __init__(self, binary: str, *flags: str):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        # `bert` has what others leave of the processors, which is little where every test runs at once.
        own = ["--listen", f"127.0.0.1:{self.port}", "--log-level", "error", "--bert-timeout", "60s"]
        self.command = [binary, *own, *flags]
        self.process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.kill()

    def start(self):
        """Answers when it is ready."""
        self.process = subprocess.Popen(self.command)
        deadline = time.monotonic() + 30
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=5):
                    return
            except (urllib.error.URLError, ConnectionError) as error:
                assert self.process.poll() is None and time.monotonic() < deadline, f"it is not ready: {error}"
                time.sleep(0.05)

    def kill(self):
        """Ends it without a word."""
        self.process.kill()
        self.process.wait()

    def connect(self) -> http.client.HTTPConnection:
        """A connection of its own."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)

    def ask(self, method: str, path: str, body=None, times: int = 1):
        """Sends a request so often on one connection."""
        connection = self.connect()
        for _ in range(times):
            send(connection, method, path, body)
        connection.close()


def send(connection: http.client.HTTPConnection, method: str, path: str, body=None) -> int:
    """Sends a request and reads its answer, of which it tells the status."""
    content = None if body is None else json.dumps(body)
    connection.request(method, path, content, {"content-type": "application/json"} if content else {})
    answer = connection.getresponse()
    answer.read()
    return answer.status


class Traffic:
    """Clients that ask for this and that, now more and now less, until the end."""

    def __init__(self, daemon: Daemon, clients: int, pause: float):
        self.daemon, self.pause, self.ended = daemon, pause, threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(seed,)) for seed in range(clients)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        for thread in self.threads:
            thread.join()

    def run(self, seed: int):
        """One client."""
        chance, connection = random.Random(seed), self.daemon.connect()
        while not self.ended.wait(chance.random() * self.pause * (1.4 + math.sin(time.monotonic() / 19))):
            text = " ".join(chance.sample(TEXTS, chance.randint(1, 3)))
            request = chance.choices(
                (
                    ("POST", "/analyze", {"text": text}),
                    ("POST", "/analyze", {"text": text, "model": "bert"}),
                    ("POST", "/predict", {"features": chance.choice(IRISES)}),
                    ("POST", "/analyze", {"txt": text}),
                    ("POST", "/predict", {"features": [1, 2]}),
                    ("GET", chance.choice(("/health", "/readyz", "/metrics", "/nowhere"))),
                ),
                (50, 0.7, 40, 0.5, 0.3, 4),
            )[0]
            send(connection, *request)
        connection.close()
