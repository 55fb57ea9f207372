"""What is asked: the same bodies of every server, and what their answers say."""

import json
from dataclasses import dataclass

import common  # noqa: F401, through which harness is found
from harness.texts import FEATURES, TEXT_100, TEXT_400

LABELS = ["toxic", "severe_toxic", "obscene", "threat", "insult", "identity_hate"]
CLASSES = ["setosa", "versicolor", "virginica"]


@dataclass(frozen=True)
class Load:
    """A line of the table: what `/predict` or `/analyze` is asked."""

    name: str
    title: str
    asked: list | str

    @property
    def is_text(self) -> bool:
        """Whether a text is scored; else an iris is classified."""
        return isinstance(self.asked, str)


LOADS = [
    Load("predict", "POST /predict", FEATURES),
    Load("analyze-100", "POST /analyze, 100 characters", TEXT_100),
    Load("analyze-400", "POST /analyze, 400 characters", TEXT_400),
]


class Contract:
    """The daemon's own contract."""

    def request(self, asked: list | str) -> tuple[str, str]:
        """Path and body."""
        path, key = ("/analyze", "text") if isinstance(asked, str) else ("/predict", "features")
        return path, json.dumps({key: asked}, separators=(",", ":"))

    def numbers(self, asked: list | str, answer: bytes) -> list[float]:
        """The numbers that must agree: each class's share, or score and probabilities."""
        document = json.loads(answer)
        if isinstance(asked, str):
            return [document["score"], *(document["labels"][label] for label in LABELS)]
        if document["prediction"] != CLASSES[document["class_id"]]:
            raise ValueError(f"{document['prediction']} is not class {document['class_id']}")
        return [document["probabilities"][name] for name in CLASSES]


class OpenInference(Contract):
    """The Open Inference Protocol, version 2, as MLServer speaks it; irises alone."""

    def request(self, asked: list | str) -> tuple[str, str]:
        inputs = [{"name": "features", "shape": [1, 4], "datatype": "FP32", "data": [asked]}]
        document = {"inputs": inputs, "outputs": [{"name": "predict_proba"}]}
        return "/v2/models/iris/infer", json.dumps(document, separators=(",", ":"))

    def numbers(self, asked: list | str, answer: bytes) -> list[float]:
        (output,) = json.loads(answer)["outputs"]
        return [float(value) for value in output["data"]]
