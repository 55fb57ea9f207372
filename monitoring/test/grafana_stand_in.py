"""Stands in for Grafana, which cannot be installed here, so that test-metrics-flow.sh's part about it is run.

Answers the paths of Grafana's HTTP API that the script asks: health, data sources (as provisioned), the proxy to
Prometheus, and dashboards by uid (the files).
"""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import yaml
from common import MONITORING, fetch


class GrafanaStandIn:
    """A server while the block lasts, at `url`. `sources`: the data sources that it has."""

    def __init__(self, prometheus: str):
        provisioned = (MONITORING / "grafana/provisioning/datasources/prometheus.yaml").read_text(encoding="utf-8")
        self.sources = yaml.safe_load(provisioned)["datasources"]
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                status, body = stand_in.answer(self.path, prometheus)
                self.send_response(status)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                """Says nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def answer(self, path: str, prometheus: str) -> tuple[int, bytes]:
        parts = path.split("/")
        if path == "/api/health":
            return 200, b'{"database":"ok"}'
        if path == "/api/datasources":
            return 200, json.dumps(self.sources).encode()
        if path.startswith("/api/datasources/proxy/uid/") and any(parts[5] == source["uid"] for source in self.sources):
            return fetch(f"{prometheus}/{'/'.join(parts[6:])}")
        if path.startswith("/api/dashboards/uid/"):
            for board in (MONITORING / "grafana/dashboards").glob("*.json"):
                if board.stem == parts[4]:
                    return 200, json.dumps({"dashboard": json.loads(board.read_text(encoding="utf-8"))}).encode()
        return 404, b"{}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
