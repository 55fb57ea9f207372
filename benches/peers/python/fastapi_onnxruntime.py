"""FastAPI, ONNX Runtime and prometheus-fastapi-instrumentator, serving the daemon's own models.

    IRIS=iris.onnx SIMPLE=simple.onnx uvicorn fastapi_onnxruntime:app

The handlers are `async` and compute on the loop's thread: on one core a thread pool would only add to their cost.
"""

import os
import time

import numpy as np
import onnxruntime
from fastapi import FastAPI
from prometheus_fastapi_instrumentator import Instrumentator

from bodies import Features, Iris, Text, Verdict, iris, verdict
from hashed_ngrams import ids


def session(path: str) -> onnxruntime.InferenceSession:
    """A session that computes on the calling thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


app = FastAPI()
Instrumentator().instrument(app).expose(app)
forest, simple = session(os.environ["IRIS"]), session(os.environ["SIMPLE"])


@app.post("/predict")
async def predict(body: Features) -> Iris:
    label, votes = forest.run(None, {"features": np.array([body.features], np.float32)})
    return iris(int(label[0]), [count / 100 for count in votes[0].tolist()])


@app.post("/analyze")
async def analyze(body: Text) -> Verdict:
    begin = time.perf_counter()
    (probabilities,) = simple.run(None, {"ids": np.array(ids(body.text), np.int64)})
    return verdict("simple", probabilities.tolist(), (time.perf_counter() - begin) * 1e3)
