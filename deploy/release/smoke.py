#!/usr/bin/env python3
"""Asks a daemon that has just been rolled out what a user asks it. Prints what it has seen; 1 where that is wrong.

    smoke.py URL [VERSION]     VERSION: what must answer there

SMOKE_API_KEY    sent as X-API-Key, for a daemon with --auth; with the scope `admin` where --auth-metrics is closed
SMOKE_ADMIN_URL  where a daemon with --admin-listen has its probes and /metrics
SMOKE_SECONDS    how long it may take to be ready (60)
Needs Python alone.
"""

import json
import os
import sys
import time
import urllib.error
import urllib.request

SECONDS = float(os.environ.get("SMOKE_SECONDS", "60"))


def ask(url: str, body=None) -> tuple[int, bytes]:
    """Status and body, of refusals too; 0 where nobody answers."""
    headers = {"content-type": "application/json"} if body is not None else {}
    if key := os.environ.get("SMOKE_API_KEY"):
        headers["x-api-key"] = key
    data = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except OSError as error:
        return 0, str(error).encode()


def ready(base: str):
    deadline = time.monotonic() + SECONDS
    while (answer := ask(f"{base}/readyz"))[0] != 200:
        if time.monotonic() > deadline:
            sys.exit(f"smoke.py: {base}/readyz is not ready after {SECONDS:.0f} s: {answer}")
        time.sleep(0.5)


def checks(base: str, admin: str, version: str | None):
    """What is asked, the status that the answer must have, the answer, and what it must be, as JSON if it is that."""
    if version:
        yield "version", 200, ask(f"{admin}/health"), lambda answer: answer["version"] == version
    for text, level in (("You are stupid and I hate you!", "high"), ("Thank you for the kind words.", "low")):
        answer = ask(f"{base}/analyze", {"text": text})
        yield text, 200, answer, lambda answer, level=level: answer["toxicity_level"] == level
    for row, name in (([5.1, 3.5, 1.4, 0.2], "setosa"), ([6.7, 3.0, 5.2, 2.3], "virginica")):
        answer = ask(f"{base}/predict", {"features": row})
        yield name, 200, answer, lambda answer, name=name: answer["prediction"] == name
    yield "no text", 422, ask(f"{base}/analyze", {"text": ""}), lambda answer: answer["error_type"] == "empty_text"
    loaded = 'model_loaded{model="simple"} 1'
    yield "/metrics", 200, ask(f"{admin}/metrics"), lambda answer: loaded in answer.splitlines()


def main() -> int:
    if len(sys.argv) not in (2, 3):
        print(__doc__, file=sys.stderr)
        return 2
    base, version = sys.argv[1].rstrip("/"), sys.argv[2] if len(sys.argv) == 3 else None
    admin = os.environ.get("SMOKE_ADMIN_URL", base).rstrip("/")
    ready(admin)
    wrong = 0
    for what, wanted, (status, body), right in checks(base, admin, version):
        text = body.decode(errors="replace")
        try:
            good = status == wanted and right(json.loads(text) if text.startswith("{") else text)
        except (ValueError, KeyError, TypeError, AttributeError):
            good = False
        print(f"smoke.py: {'ok   ' if good else 'WRONG'} {what}{'' if good else f': {status} {text[:400]}'}")
        wrong += not good
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
