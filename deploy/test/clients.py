"""Clients that ask without pause on connections that they keep, and count what they were answered."""

import http.client
import threading

ROUTES = {
    "/predict": b'{"features":[5.1,3.5,1.4,0.2]}',
    "/analyze": b'{"text":"You are stupid and I hate you!","model":"simple"}',
}
CONCURRENCY = 8


class Clients:
    """Runs as a context. `answered` counts by route and status, `failures` tells what was no answer."""

    def __init__(self, port: int):
        self.port, self.failures, self.connections = port, [], 0
        self.answered: dict[tuple[str, str], int] = {}
        self.ended, self.lock = threading.Event(), threading.Lock()
        self.threads = [threading.Thread(target=self.ask, args=(index,)) for index in range(CONCURRENCY)]

    def ask(self, index: int):
        """One client. It opens a new connection where the last answer says that the old one ends (RFC 9112, section 9.6), and
        never asks anything twice."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        routes = list(ROUTES)
        while not self.ended.is_set():
            index += 1
            route = routes[index % len(routes)]
            try:
                if connection.sock is None:
                    connection.connect()
                    with self.lock:
                        self.connections += 1
                connection.request("POST", route, ROUTES[route], {"content-type": "application/json"})
                answer = connection.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                self.failures.append(f"{route}: {error!r}")
                continue
            key = (route, str(answer.status))
            with self.lock:
                self.answered[key] = self.answered.get(key, 0) + 1
            if answer.status != 200:
                self.failures.append(f"{route}: {answer.status}")

    def total(self) -> int:
        with self.lock:
            return sum(self.answered.values())

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        for thread in self.threads:
            thread.join()
