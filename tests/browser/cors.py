"""Pages of other origins in a browser: `cors.py TAMIS CHROMIUM` serves a page from two ports, of which the daemon lets one in,
and has each ask."""

import functools
import http.server
import sys
import tempfile
import threading
from pathlib import Path

from server import Daemon
from visit import chromium_at

# What a page does: it sends JSON with a key, which needs leave, and reads the body and a header of the answer.
ASK = """async ([url, body]) => {
  try {
    const headers = { "content-type": "application/json", "x-api-key": "none", "x-request-id": "page-1" };
    const answer = await fetch(url, { method: "POST", body: JSON.stringify(body), headers });
    return { status: answer.status, id: answer.headers.get("x-request-id"), body: await answer.json() };
  } catch (error) {
    return { failed: error.name };
  }
}"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Files, without a line for each."""

    def log_message(self, *_):
        """Says nothing."""


def serve(directory: str) -> http.server.ThreadingHTTPServer:
    """Serves the files of a directory on a port of its own, until the end."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=directory))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def main(tamis: str, chromium: str):
    """All of it."""
    with tempfile.TemporaryDirectory() as directory, chromium_at(chromium) as browser:
        Path(directory, "index.html").write_text("<!doctype html><title>a page</title>", encoding="utf-8")
        let_in, kept_out = serve(directory).server_port, serve(directory).server_port
        page = browser.new_page()
        with Daemon(tamis, "--bert", "off", "--cors-origins", f"http://127.0.0.1:{let_in}") as daemon:
            url = f"http://127.0.0.1:{daemon.port}"
            iris = {"features": [5.1, 3.5, 1.4, 0.2]}
            page.goto(f"http://127.0.0.1:{let_in}/")
            found = page.evaluate(ASK, [f"{url}/predict", iris])
            assert (found["status"], found["body"]["prediction"], found["id"]) == (200, "setosa", "page-1"), found
            found = page.evaluate(ASK, [f"{url}/predict", {}])
            assert (found["status"], found["body"]["error_type"]) == (422, "missing_field"), "errors can be read"
            page.goto(f"http://127.0.0.1:{kept_out}/")
            found = page.evaluate(ASK, [f"{url}/predict", iris])
            assert found == {"failed": "TypeError"}, found


if __name__ == "__main__":
    main(*sys.argv[1:])
