"""The Open Inference Protocol by Triton's own client: `triton_client.py HOST:PORT`. Answers are held against those of the
daemon's other routes."""

import asyncio
import sys
import time

import numpy
import tritonclient.http
import tritonclient.http.aio
from plain import CLASSES, ROWS, TEXTS, analyze, predict
from tritonclient.http import InferInput, InferRequestedOutput
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

PATIENCE = 60  # seconds
MODELS = ("simple", "bert", "auto")


def tensor(name: str, array: numpy.ndarray, binary: bool) -> InferInput:
    """An input of the array's own type."""
    made = InferInput(name, list(array.shape), np_to_triton_dtype(array.dtype))
    made.set_data_from_numpy(array, binary_data=binary)
    return made


def check_metadata(client):
    """What server and models say of themselves."""
    assert client.is_server_live() and client.is_server_ready()
    assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
    deadline = time.monotonic() + PATIENCE
    while not client.is_model_ready("bert"):
        assert time.monotonic() < deadline, "bert does not get ready"
        time.sleep(0.1)
    for model in ("iris", *MODELS):
        assert client.is_model_ready(model), model
        metadata = client.get_model_metadata(model)
        assert metadata["name"] == model and len(metadata["inputs"]) == 1, metadata
        for version in metadata.get("versions", []):
            assert client.is_model_ready(model, version) and client.get_model_metadata(model, version) == metadata
    assert not client.is_model_ready("nope") and not client.is_model_ready("iris", "9")


def check_irises(client, address: str):
    """Rows of every type, in and out as bytes and as JSON."""
    for dtype in ("float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"):
        rows = numpy.array(ROWS).astype(dtype)
        expected = predict(address, rows.astype("float64").tolist())
        for into in (True, False):
            for out in (True, False):
                names = ("predict", "predict_proba", "label")
                wanted = [InferRequestedOutput(name, binary_data=out) for name in names]
                found = client.infer("iris", [tensor("features", rows, into)], outputs=wanted, request_id="7")
                assert found.get_response()["id"] == "7"
                assert found.as_numpy("predict").tolist() == [[row["class_id"]] for row in expected]
                labels = [label.decode() if out else label for label in found.as_numpy("label")[:, 0]]
                assert labels == [row["prediction"] for row in expected]
                shares = numpy.array([[row["probabilities"][name] for name in CLASSES] for row in expected], "float32")
                assert found.as_numpy("predict_proba").dtype == numpy.float32
                assert numpy.array_equal(found.as_numpy("predict_proba"), shares)
    everything = client.infer("iris", [tensor("any", numpy.array(ROWS, "float32"), True)])
    assert len(everything.get_response()["outputs"]) == 3
    one = client.infer("iris", [tensor("any", numpy.array(ROWS, "float32"), True)], outputs=[InferRequestedOutput("label")])
    assert one.as_numpy("predict") is None and one.as_numpy("label").shape == (3, 1)


def check_texts(client, address: str):
    """Texts as strings and as bytes, one column or none."""
    for model in MODELS:
        alone = [analyze(address, text, model) for text in TEXTS]
        labels = list(alone[0]["labels"])
        metadata = next(one for one in client.get_model_metadata(model)["outputs"] if one["name"] == "probabilities")
        assert [metadata["parameters"][f"label_{at}"] for at in range(len(labels))] == labels
        for texts in (numpy.array(TEXTS, "object"), numpy.array([[text.encode()] for text in TEXTS], "object")):
            for into in (True, False):
                found = client.infer(model, [tensor("text", texts, into)])
                assert found.as_numpy("score")[:, 0].tolist() == [one["score"] for one in alone], model
                levels = [level.decode() for level in found.as_numpy("toxicity_level")[:, 0]]
                assert levels == [one["toxicity_level"] for one in alone]
                used = [name.decode() for name in found.as_numpy("model_used")[:, 0]]
                assert used == [one["model_used"] for one in alone]
                expected = [[one["labels"][label] for label in labels] for one in alone]
                assert numpy.abs(found.as_numpy("probabilities") - numpy.array(expected)).max() < 1e-6
    many = numpy.array([[f"You are kind, reader {at}."] for at in range(256)], "object")
    assert client.infer("simple", [tensor("text", many, True)]).as_numpy("score").shape == (256, 1)
    pending = [client.async_infer("bert", [tensor("text", many[:8], True)]) for _ in range(4)]
    assert all(one.get_result().as_numpy("score").shape == (8, 1) for one in pending)


def refused(call, status: int, words: str):
    """The call fails so."""
    try:
        call()
    except InferenceServerException as error:
        assert error.status() == str(status) and words in error.message(), error
    else:
        raise AssertionError(f"not refused: {words}")


def check_compression(client):
    """Requests and answers in gzip are those that are not, binary tensors included."""
    rows = numpy.array(ROWS * 40, "float32")
    plain = client.infer("iris", [tensor("features", rows, True)]).as_numpy("predict_proba")
    for binary in (True, False):
        found = client.infer(
            "iris",
            [tensor("features", rows, binary)],
            outputs=[InferRequestedOutput("predict_proba", binary_data=binary)],
            request_compression_algorithm="gzip",
            response_compression_algorithm="gzip",
        )
        assert numpy.array_equal(found.as_numpy("predict_proba"), plain)


def check_errors(client):
    """What is wrong arrives as the client's own exception, with words that help."""
    rows, texts = numpy.array(ROWS, "float32"), numpy.array(["a", ""], "object")
    iris = [tensor("features", rows, True)]
    refused(lambda: client.infer("nope", iris), 404, "model 'nope' is not served")
    refused(lambda: client.infer("iris", iris, model_version="9"), 404, "does not have that version")
    refused(lambda: client.infer("iris", [tensor("features", rows[:, :3], True)]), 400, "must be [rows, 4]")
    refused(lambda: client.infer("iris", [tensor("features", rows.astype("float16"), True)]), 400, "inputs[0].datatype")
    refused(lambda: client.infer("iris", [tensor("features", rows * numpy.nan, True)]), 400, "inputs[0].data[0]")
    refused(lambda: client.infer("iris", iris * 2), 400, "one tensor")
    refused(lambda: client.infer("iris", iris, outputs=[InferRequestedOutput("nope")]), 400, "outputs[0]")
    refused(lambda: client.infer("iris", iris, outputs=[InferRequestedOutput("label", class_count=2)]), 400, "classification")
    refused(lambda: client.infer("iris", iris, sequence_id=7), 400, "sequence")
    refused(lambda: client.infer("iris", iris, request_compression_algorithm="deflate"), 415, "content-encoding")
    refused(lambda: client.infer("simple", [tensor("text", texts, True)]), 400, "inputs[0].data[1]")
    refused(lambda: client.infer("simple", iris), 400, "inputs[0].shape")
    shared = InferInput("features", [3, 4], "FP32")
    shared.set_shared_memory("region", 48)
    refused(lambda: client.infer("iris", [shared]), 400, "no shared memory")
    refused(lambda: client.get_model_config("iris"), 404, "no such path")
    refused(client.get_system_shared_memory_status, 404, "shared memory")


async def check_asyncio(address: str):
    """The client for asyncio, which sends a Content-Type."""
    async with tritonclient.http.aio.InferenceServerClient(address) as client:
        found = await client.infer("iris", [tensor("features", numpy.array(ROWS, "float32"), True)])
        assert found.as_numpy("label")[:, 0].tolist() == [b"setosa", b"virginica", b"versicolor"]
        found = await client.infer("simple", [tensor("text", numpy.array(TEXTS, "object"), False)])
        assert found.as_numpy("score").shape == (4, 1)


def main(address: str):
    with tritonclient.http.InferenceServerClient(address, concurrency=4) as client:
        check_metadata(client)
        check_irises(client, address)
        check_texts(client, address)
        check_compression(client)
        check_errors(client)
    asyncio.run(check_asyncio(address))


if __name__ == "__main__":
    main(sys.argv[1])
