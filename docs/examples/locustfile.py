"""Load by Locust, over all that clients ask of the daemon.

    locust --locustfile locustfile.py --host http://localhost:8000
    locust --locustfile locustfile.py --host http://localhost:8000 --headless --users 50 --spawn-rate 10 --run-time 1m

TAMIS_KEY is a key where the daemon wants one. Requests are named as the label `handler` of `http_requests_total`, so that
what Locust counts can be held against what the daemon counts. Choose some by their tags: `--tags analyze predict`.
"""

import os
import random

from locust import FastHttpUser, constant, events, tag, task

# Texts that a model is sure of and others that it is not, short and long.
TEXTS = [
    "Test message for load testing",
    "You are kind, thank you for the help yesterday.",
    "What a load of rubbish this is.",
    "I am not sure about this one, it might be mean. " * 8,
]
IRISES = [[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3], [5.9, 3.0, 4.2, 1.5]]
NAMES = ["sepal_length", "sepal_width", "petal_length", "petal_width"]


class Client(FastHttpUser):
    """Somebody who asks again as soon as there is an answer; `constant(1)` makes a person of it."""

    abstract = True
    wait_time = constant(0)

    def on_start(self):
        self.headers = {"x-api-key": key} if (key := os.environ.get("TAMIS_KEY")) else {}

    def post(self, path: str, body: dict, holds: str):
        """Asks; an answer without `holds` is a failure too, as 503 is: Locust then shows what was refused."""
        with self.client.post(path, json=body, headers=self.headers, name=path, catch_response=True) as response:
            if response.ok and holds not in response.json():
                response.failure(f"there is no {holds!r}")

    def get(self, path: str):
        self.client.get(path, headers=self.headers, name=path)


class ToxicityUser(Client):
    """Has texts scored."""

    weight = 3

    @tag("analyze")
    @task(20)
    def analyze_text(self):
        self.post("/analyze", {"text": random.choice(TEXTS)}, "score")

    @tag("analyze")
    @task(5)
    def analyze_text_by_auto(self):
        self.post("/analyze", {"text": random.choice(TEXTS), "model": "auto"}, "model_used")

    @tag("analyze")
    @task(2)
    def explain_text(self):
        self.post("/analyze", {"text": random.choice(TEXTS), "explain": True}, "spans")

    @tag("batch")
    @task(2)
    def analyze_batch(self):
        self.post("/analyze/batch", {"texts": TEXTS, "model": "auto"}, "results")

    @tag("others")
    @task(1)
    def ask_as_perspective_is_asked(self):
        body = {"comment": {"text": random.choice(TEXTS)}, "requestedAttributes": {"TOXICITY": {}}}
        self.post("/v1alpha1/comments:analyze", body, "attributeScores")

    @tag("others")
    @task(1)
    def ask_as_openai_is_asked(self):
        self.post("/v1/moderations", {"input": random.choice(TEXTS)}, "results")


class IrisUser(Client):
    """Has irises classified."""

    @tag("predict")
    @task(10)
    def predict(self):
        self.post("/predict", {"features": random.choice(IRISES)}, "prediction")

    @tag("predict")
    @task(2)
    def predict_by_name(self):
        self.post("/predict", dict(zip(NAMES, random.choice(IRISES))), "prediction")

    @tag("others")
    @task(1)
    def infer(self):
        data = [value for iris in IRISES for value in iris]
        tensor = {"name": "input", "datatype": "FP32", "shape": [len(IRISES), 4], "data": data}
        self.post("/v2/models/iris/infer", {"inputs": [tensor]}, "outputs")


class Operator(Client):
    """Looks after the daemon; there is one, whatever the number of users."""

    fixed_count = 1
    wait_time = constant(1)

    @tag("probes")
    @task
    def probe(self):
        for path in ("/health", "/model-info", "/metrics"):
            self.get(path)


@events.quitting.add_listener
def fail_on_failures(environment, **_):
    """A run without an answer has shown nothing: the exit code says so, as it does where a request failed."""
    if environment.stats.total.num_requests == 0:
        environment.process_exit_code = 1
