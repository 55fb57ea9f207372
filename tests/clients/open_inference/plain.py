"""The daemon asked by the standard library alone: what the clients of the protocol are compared with."""

import json
import urllib.error
import urllib.request


def ask(address: str, path: str, body=None, content_type="application/json") -> tuple[int, bytes]:
    """Status and body of a GET, or of a POST of `body`: bytes, or what is to be JSON."""
    if body is not None and not isinstance(body, bytes):
        body = json.dumps(body).encode()
    request = urllib.request.Request(f"http://{address}{path}", body, {"Content-Type": content_type})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read()


def predict(address: str, rows: list) -> list:
    """What `/predict` says of each row."""
    return json.loads(ask(address, "/predict", {"features": rows})[1])


def analyze(address: str, text: str, model: str) -> dict:
    """What `/analyze` says of a text."""
    return json.loads(ask(address, "/analyze", {"text": text, "model": model})[1])


CLASSES = ["setosa", "versicolor", "virginica"]
ROWS = [[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3], [6.0, 2.7, 5.1, 1.6]]
TEXTS = ["You are kind.", "You are stupid and I hate you!", 'Thank you "very" much,\n naïve 👍', "Idiot."]
