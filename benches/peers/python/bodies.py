"""The bodies of both FastAPI servers, as the daemon has them."""

from pydantic import BaseModel, Field

CLASSES = ["setosa", "versicolor", "virginica"]
LABELS = ["toxic", "severe_toxic", "obscene", "threat", "insult", "identity_hate"]
# The cut points of models/toxicity/simple.toml.
MEDIUM, HIGH = 10, 64


class Features(BaseModel):
    """Lengths and widths in centimetres."""

    features: list[float] = Field(min_length=4, max_length=4)


class Text(BaseModel):
    """A text to score."""

    text: str


class Iris(BaseModel):
    """A class, and each class's share of the votes."""

    prediction: str
    class_id: int
    confidence: float
    probabilities: dict[str, float]


class Verdict(BaseModel):
    """A score from 0 to 100, and the probability of each label."""

    score: int
    toxicity_level: str
    model_used: str
    processing_time_ms: float
    labels: dict[str, float]


def iris(class_id: int, shares: list[float]) -> Iris:
    """The answer for a class and the shares of all three."""
    probabilities = dict(zip(CLASSES, shares, strict=True))
    return Iris(
        prediction=CLASSES[class_id], class_id=class_id, confidence=shares[class_id], probabilities=probabilities
    )


def verdict(model: str, probabilities: list[float], milliseconds: float) -> Verdict:
    """The answer for the probabilities of the six labels."""
    score = round(probabilities[0] * 100)
    level = "high" if score >= HIGH else "medium" if score >= MEDIUM else "low"
    return Verdict(
        score=score,
        toxicity_level=level,
        model_used=model,
        processing_time_ms=milliseconds,
        labels=dict(zip(LABELS, probabilities, strict=True)),
    )
