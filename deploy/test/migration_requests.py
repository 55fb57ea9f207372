"""Requests as clients of other systems send them."""

import json
import urllib.error
import urllib.request

from common import Failure

JSON = {"Content-Type": "application/json"}
TEXT = {"text": "You are stupid and I hate you!"}
FLOWER = {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}


def ask(url: str, route: str, headers: dict, body, members: set[str], status: int = 200) -> dict:
    """The answer, which has that status and those members; `body` is a form where it is a string. Of a page, nothing."""
    method, path = route.split()
    data = body.encode() if isinstance(body, str) else None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{url}{path}", data=data, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            found, text = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        found, text = error.code, error.read()
    if found != status:
        raise Failure(f"{route}: {found} instead of {status}: {text[:300]!r}")
    if not members:
        return {}
    document = json.loads(text)
    if missing := members - document.keys():
        raise Failure(f"{route}: no {missing} in {document}")
    return document
