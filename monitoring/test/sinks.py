"""Where Alertmanager delivers to in the live test: a web server for the webhook and for Slack, and a mail server."""

import email
import email.policy
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from aiosmtpd.controller import Controller
from common import free_port


class Sinks:
    """Collects what is delivered. `port` is the web server's, `smtp_port` the mail server's."""

    def __init__(self):
        self.posts, self.mails = [], []
        posts = self.posts

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                posts.append((self.path, json.loads(body)))
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *_):
                """Says nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        self.smtp_port = free_port()
        self.mail_server = Controller(self, hostname="127.0.0.1", port=self.smtp_port)

    async def handle_DATA(self, _server, _session, envelope):
        self.mails.append(email.message_from_bytes(envelope.content, policy=email.policy.default))
        return "250 OK"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.mail_server.start()
        return self

    def __exit__(self, *_):
        self.mail_server.stop()
        self.server.shutdown()
        self.server.server_close()

    def webhook(self, alert: str, status: str) -> bool:
        """Whether the webhook was told that this alert is "firing" or "resolved"."""
        told = (one for path, post in list(self.posts) if path == "/webhook" for one in post["alerts"])
        return any(one["labels"]["alertname"] == alert and one["status"] == status for one in told)

    def slack(self, alert: str, status: str) -> bool:
        titles = (part["title"] for path, post in list(self.posts) if path == "/slack" for part in post["attachments"])
        return any(title.startswith(f"[{status.upper()}") and f" {alert} (" in title for title in titles)

    def mail(self, alert: str, status: str) -> bool:
        """Whether a mail with this subject came, whose text names the runbook."""
        return any(
            mail["subject"].startswith(f"[{status.upper()}")
            and f" {alert} (" in mail["subject"]
            and f"#{alert.lower()}" in mail.get_body(("plain",)).get_content()
            for mail in list(self.mails)
        )
