"""What schemathesis has to know of tamis that a schema cannot say.

Nothing is excluded here: a valid request is made one where validity relates two values, and what is sent as it is is sent.
"""

import json
import struct
import unicodedata

import schemathesis

INFERENCE = ("inferIris", "inferIrisVersion", "inferText", "inferTextVersion")
HEADER = "Inference-Header-Content-Length"


@schemathesis.serializer("application/x-ndjson")
def lines(_context, value):
    """Lines are sent as they are."""
    return {"data": str(value).encode("utf-8", "surrogatepass")}


@schemathesis.hook
def filter_case(_context, case):
    """Lines are text: there is no way to send something else as lines."""
    return case.media_type != "application/x-ndjson" or isinstance(case.body, str)


@schemathesis.hook
def before_call(_context, case, _kwargs):
    """Relates in a valid request what a schema cannot relate."""
    if case.meta is None or not case.meta.generation.mode.is_positive or case.operation.method.upper() != case.method.upper():
        return
    operation = case.operation.definition.raw.get("operationId")
    if case.media_type == "application/json":
        case.body = visible(case.body)
    if operation in INFERENCE:
        if case.media_type == "application/octet-stream":
            header, case.body = binary("Iris" in operation)
            case.headers[HEADER] = header
        else:
            # The length of the JSON where something stands behind it, which is nothing here.
            case.headers.pop(HEADER, None)
            as_many_as_the_shape_says(case.body)


def visible(value):
    """The same, but that texts say something: which characters draw nothing stands in Unicode's tables, not in a pattern."""
    if isinstance(value, dict):
        return {name: visible(member) for name, member in value.items()}
    if isinstance(value, list):
        return [visible(element) for element in value]
    if isinstance(value, str) and value.strip() and not any(map(draws, value)):
        return value + "a"
    return value


def draws(character):
    """Whether something of it is to be seen."""
    parts = unicodedata.normalize("NFKD", character)
    hidden = "\u115f\u1160\u3164\uffa0\ufffd"
    return any(unicodedata.category(part)[0] not in "CMZ" and part not in hidden for part in parts)


def as_many_as_the_shape_says(body):
    """The shape of a tensor is that of its data, and an output is wanted once."""
    if not isinstance(body, dict):
        return
    for tensor in body.get("inputs", []):
        data, columns = tensor["data"], 1 if tensor["datatype"] == "BYTES" else 4
        if not isinstance(data[0], list) and columns == 4:
            del data[len(data) // 4 * 4 :]
        tensor["shape"][0] = len(data) if isinstance(data[0], list) else len(data) // columns
    if body.get("outputs"):
        body["outputs"] = list({output["name"]: output for output in body["outputs"]}.values())


def binary(iris):
    """A tensor behind its JSON, and the length of that."""
    data = struct.pack("<4f", 5.1, 3.5, 1.4, 0.2) if iris else struct.pack("<I", 3) + b"Hi."
    tensor = {"name": "x", "datatype": "FP32" if iris else "BYTES", "shape": [1, 4] if iris else [1]}
    text = json.dumps({"inputs": [{**tensor, "parameters": {"binary_data_size": len(data)}}]}).encode()
    return str(len(text)), text + data
