"""FastAPI, scikit-learn and prometheus-fastapi-instrumentator: what many start with.

    uvicorn fastapi_sklearn:app

The forest is the daemon's, trained at start. The toxicity model is not: it is a pipeline of the usual shape (TF-IDF
over words and pairs of words, six logistic regressions) on a few made-up lines, right for what a request costs and for
nothing else.
"""

import time

import numpy as np
from fastapi import FastAPI
from prometheus_fastapi_instrumentator import Instrumentator
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline

from bodies import LABELS, Features, Iris, Text, Verdict, iris, verdict

TEXTS = [f"{who} {what} number {at}" for at in range(20) for who in ("you", "they") for what in ("fool", "friend")]


def toxicity():
    """A text is 'toxic' by every label if it says fool; some labels less often, so that the six differ."""
    labels = [
        [int("fool" in text and at % (label + 1) == 0) for label in range(len(LABELS))] for at, text in enumerate(TEXTS)
    ]
    model = make_pipeline(TfidfVectorizer(ngram_range=(1, 2)), OneVsRestClassifier(LogisticRegression()))
    return model.fit(TEXTS, np.array(labels))


app = FastAPI()
Instrumentator().instrument(app).expose(app)
forest = RandomForestClassifier(n_estimators=100, random_state=42).fit(*load_iris(return_X_y=True))
lines = toxicity()


@app.post("/predict")
async def predict(body: Features) -> Iris:
    shares = forest.predict_proba([body.features])[0]
    return iris(int(shares.argmax()), shares.tolist())


@app.post("/analyze")
async def analyze(body: Text) -> Verdict:
    begin = time.perf_counter()
    probabilities = lines.predict_proba([body.text])[0]
    return verdict("lines", probabilities.tolist(), (time.perf_counter() - begin) * 1e3)
