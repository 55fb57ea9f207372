"""The daemon as a process: asked, and counted by its own metrics."""

import http.client

from common import KEPT
from harness.common import Failure, binary
from harness.processes import PATIENCE, Process, free_port
from series import Load


class Daemon(Process):
    """The release binary with `settings`, on `cores`, on loopback."""

    def __init__(self, settings: list[str], cores: set[int]):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._bert = "--bert-threads" in settings
        command = [str(binary()), "--listen", f"127.0.0.1:{self.port}", *settings]
        KEPT.mkdir(parents=True, exist_ok=True)
        super().__init__("tamis", command, cores, KEPT / "tamis.log", self._ready)

    def _ready(self) -> bool:
        model = "bert" if self._bert else "simple"
        return self.status(Load("", "/analyze", f'{{"text":"Thank you.","model":"{model}"}}')) == 200

    def status(self, load: Load) -> int:
        """The status with which `load` is answered."""
        connection = self.connect()
        try:
            connection.request("POST", load.path, load.body, {"content-type": "application/json"})
            return connection.getresponse().status
        except http.client.HTTPException as error:
            raise OSError(error) from error
        finally:
            connection.close()

    def connect(self) -> http.client.HTTPConnection:
        """A connection that stays open from one question to the next."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)


def metrics(connection: http.client.HTTPConnection) -> dict[str, float]:
    """What the daemon counts, summed over each metric's labels."""
    connection.request("GET", "/metrics")
    answer = connection.getresponse()
    text = answer.read().decode()
    if answer.status != 200:
        raise Failure(f"/metrics answers with {answer.status}")
    return totals(text)


def totals(text: str) -> dict[str, float]:
    """The sums of an exposition's samples by name."""
    sums: dict[str, float] = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            labelled, _, value = line.rpartition(" ")
            name = labelled.partition("{")[0]
            sums[name] = sums.get(name, 0.0) + float(value)
    return sums


