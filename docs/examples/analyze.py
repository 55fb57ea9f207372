"""How toxic are texts, by httpx: analyze.py TEXT...

TAMIS_URL is the daemon's address, TAMIS_KEY a key where it wants one, TAMIS_MODEL who answers.
"""

import os
import sys
import time
from collections.abc import Iterable, Iterator
from itertools import islice

import httpx

# What a batch may hold: `--max-batch` of the daemon.
BATCH = 256
# How often and how long to wait for a daemon that is busy.
ATTEMPTS, LONGEST_WAIT = 6, 30.0


class Refused(Exception):
    """What the daemon says is wrong: a problem document (RFC 9457), or such a member of a batch."""

    def __init__(self, problem: dict):
        super().__init__(problem["detail"])
        self.status: int = problem["status"]
        # One of a closed set, such as "empty_text": for programs to look at.
        self.error_type: str = problem["error_type"]
        # What of the request is at fault, where one thing is.
        self.field: str | None = problem.get("field")


class Tamis:
    """One daemon. Make one and keep it: connections are used again."""

    def __init__(self, url: str = "http://localhost:8000", key: str | None = None):
        self.http = httpx.Client(base_url=url, headers={"x-api-key": key} if key else {}, timeout=30.0)

    def analyze(self, text: str, model: str = "simple", explain: bool = False) -> dict:
        """`score` 0 to 100, `toxicity_level`, the probability of each of the `labels`."""
        return self.post("/analyze", {"text": text, "model": model, "explain": explain})

    def analyze_all(self, texts: Iterable[str], model: str = "simple") -> Iterator[dict | Refused]:
        """The same for each of any number of texts, in order; what is wrong with one stands in its place."""
        texts = iter(texts)
        while batch := list(islice(texts, BATCH)):
            answer = self.post("/analyze/batch", {"texts": batch, "model": model})
            for result in answer["results"]:
                yield Refused(result) if "error_type" in result else result

    def predict(self, features: list[float]) -> dict:
        """The class of an iris by sepal length and width, petal length and width, in cm."""
        return self.post("/predict", {"features": features})

    def post(self, path: str, body: dict) -> dict:
        for attempt in range(1, ATTEMPTS + 1):
            response = self.http.post(path, json=body)
            # Busy, or its model is still loading: it says when to come back, in seconds.
            if response.status_code != 503 or attempt == ATTEMPTS:
                break
            time.sleep(min(float(response.headers.get("retry-after", 1)), LONGEST_WAIT))
        if response.is_success:
            return response.json()
        if response.headers.get("content-type", "").startswith("application/problem+json"):
            raise Refused(response.json())
        # Not the daemon's answer: that of something between here and there.
        response.raise_for_status()
        raise httpx.HTTPError(f"unexpected status {response.status_code}")


def main() -> int:
    tamis = Tamis(os.environ.get("TAMIS_URL", "http://localhost:8000"), os.environ.get("TAMIS_KEY"))
    texts = sys.argv[1:]
    refused = False
    try:
        for text, result in zip(texts, tamis.analyze_all(texts, os.environ.get("TAMIS_MODEL", "simple"))):
            if isinstance(result, Refused):
                refused = True
                print(f"-\t{result.error_type}\t{text}")
            else:
                print(f"{result['score']}\t{result['toxicity_level']}\t{text}")
    except (Refused, httpx.HTTPError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main())
