"""The Open Inference Protocol in MLServer's own types: `mlserver_types.py HOST:PORT`. Requests are made of them, and answers
must be read by them without a member lost."""

import importlib.util
import json
import sys
import types

from plain import CLASSES, ROWS, TEXTS, analyze, ask, predict

# The package without its `__init__`, which imports the whole server.
spec = importlib.util.find_spec("mlserver")
package = types.ModuleType("mlserver")
package.__path__ = list(spec.submodule_search_locations)
sys.modules["mlserver"] = package

from mlserver.types import (  # noqa: E402
    InferenceErrorResponse,
    InferenceRequest,
    InferenceResponse,
    MetadataModelErrorResponse,
    MetadataModelResponse,
    MetadataServerResponse,
    Parameters,
    RequestInput,
    RequestOutput,
)


def read(kind, answer: tuple[int, bytes], status: int = 200):
    """The answer as `kind`, which has a place for all that it says."""
    assert answer[0] == status, answer
    found, said = kind.model_validate_json(answer[1]), json.loads(answer[1])
    assert json.loads(found.model_dump_json()) == said, said
    return found


def infer(address: str, model: str, request: InferenceRequest, **dump) -> InferenceResponse:
    body = request.model_dump_json(**dump).encode()
    return read(InferenceResponse, ask(address, f"/v2/models/{model}/infer", body))


def main(address: str):
    server = read(MetadataServerResponse, ask(address, "/v2"))
    assert server.name == "tamis"
    for model in ("iris", "simple", "auto"):
        metadata = read(MetadataModelResponse, ask(address, f"/v2/models/{model}"))
        assert metadata.name == model and metadata.inputs and metadata.outputs
    error = read(MetadataModelErrorResponse, ask(address, "/v2/models/nope"), 404)
    assert "'nope'" in error.error

    # As its examples for scikit-learn's classifiers ask.
    rows = RequestInput(name="predict", shape=[3, 4], datatype="FP32", data=ROWS)
    wanted = [RequestOutput(name="predict"), RequestOutput(name="predict_proba")]
    request = InferenceRequest(id="7", inputs=[rows], outputs=wanted)
    expected = predict(address, ROWS)
    for dump in ({}, {"exclude_unset": False, "exclude_none": False}):
        found = infer(address, "iris", request, **dump)
        classes, shares = found.outputs
        assert (found.id, found.model_name, classes.shape, shares.shape) == ("7", "iris", [3, 1], [3, 3])
        assert list(classes.data) == [row["class_id"] for row in expected]
        assert list(shares.data) == [row["probabilities"][name] for row in expected for name in CLASSES]

    # As its codec for strings writes them.
    parameters = Parameters(content_type="str")
    texts = RequestInput(name="text", shape=[len(TEXTS), 1], datatype="BYTES", parameters=parameters, data=TEXTS)
    found = infer(address, "simple", InferenceRequest(inputs=[texts], parameters=parameters))
    by_name = {output.name: output for output in found.outputs}
    alone = [analyze(address, text, "simple") for text in TEXTS]
    assert list(by_name["score"].data) == [one["score"] for one in alone]
    assert list(by_name["toxicity_level"].data) == [one["toxicity_level"] for one in alone]
    assert list(by_name["probabilities"].data) == [share for one in alone for share in one["labels"].values()]

    wrong = InferenceRequest(inputs=[RequestInput(name="text", shape=[1], datatype="BYTES", data=[7])])
    answer = ask(address, "/v2/models/simple/infer", wrong.model_dump_json().encode())
    assert "inputs[0].data[0]" in read(InferenceErrorResponse, answer, 400).error


if __name__ == "__main__":
    main(sys.argv[1])
