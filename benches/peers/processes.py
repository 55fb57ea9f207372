"""A peer as a process on a core of its own, asked as it wants to be asked."""

import http.client

from common import INSTALLED
from harness.common import Failure
from harness.processes import PATIENCE, Process, free_port
from servers import Peer

# Whatever a library would like to start, one core has no use for more than one thread.
ONE_THREAD = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL", "NUMEXPR")}


class Server(Process):
    """A running `peer`."""

    def __init__(self, peer: Peer, core: int):
        self.peer, self.port = peer, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        ports = {"port": self.port, "second": free_port(), "third": free_port()}
        command = [word.format(**ports) for word in peer.command]
        environment = ONE_THREAD | {key: value.format(**ports) for key, value in peer.environment.items()}
        log = INSTALLED / f"{peer.name}.log"
        super().__init__(peer.name, command, {core}, log, self._classifies, environment, peer.folder)

    def _classifies(self) -> bool:
        """Whether an iris is classified with 200."""
        try:
            return self._post([5.1, 3.5, 1.4, 0.2])[0] == 200
        except http.client.HTTPException:
            return False

    def _post(self, asked: list | str) -> tuple[int, bytes]:
        path, body = self.peer.contract.request(asked)
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request("POST", path, body, {"content-type": "application/json"})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def numbers(self, asked: list | str) -> list[float]:
        """The numbers with which the server answers."""
        status, answer = self._post(asked)
        if status != 200:
            raise Failure(f"{self.peer.name} answers {asked!r:.80} with {status}: {answer[:200]!r}")
        try:
            return self.peer.contract.numbers(asked, answer)
        except (ValueError, KeyError) as error:
            raise Failure(f"{self.peer.name} answers {asked!r:.80} with {answer[:200]!r}: {error}") from error
