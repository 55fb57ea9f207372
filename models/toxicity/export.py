"""The model's files: the ONNX graph, its manifest, and golden rows with ONNX Runtime's answers."""

import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import tomli_w
from onnx import TensorProto, helper, numpy_helper

from data import LABELS
from features import FEATURE_SPEC, HASH_BITS
from model import COUNT, FLOOR, Bag

ONNX_FILE = "simple.onnx"
MANIFEST_FILE = "simple.toml"
GOLDEN_FILE = "simple.golden.json"
OPSET = 17
IR_VERSION = 8


def graph(bag: Bag) -> bytes:
    """The bag as an ONNX model; the same bag gives the same bytes.

    Sums are integers up to DequantizeLinear, so every engine finds the same.
    """
    constants = {
        "table": bag.table,
        "axis_0": np.array([0], np.int64),
        "axis_labels": np.array([COUNT], np.int64),
        "axis_end": np.array([COUNT + 1], np.int64),
        "scale": bag.scale,
        "floor": np.array([FLOOR], np.float32),
        "bias": bag.bias,
    }
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["rows"], axis=0),
        helper.make_node("Cast", ["rows"], ["wide_rows"], to=TensorProto.INT32),
        helper.make_node("ReduceSum", ["wide_rows", "axis_0"], ["sums"], keepdims=0),
        helper.make_node("DequantizeLinear", ["sums", "scale"], ["scaled"], axis=0),
        helper.make_node("Slice", ["scaled", "axis_0", "axis_labels", "axis_0"], ["weights"]),
        helper.make_node("Slice", ["scaled", "axis_labels", "axis_end", "axis_0"], ["count"]),
        helper.make_node("Max", ["count", "floor"], ["floored"]),
        helper.make_node("Sqrt", ["floored"], ["root"]),
        helper.make_node("Div", ["weights", "root"], ["mean"]),
        helper.make_node("Add", ["mean", "bias"], ["logits"]),
        helper.make_node("Sigmoid", ["logits"], ["probabilities"]),
    ]
    made = helper.make_graph(
        nodes,
        "simple",
        [helper.make_tensor_value_info("ids", TensorProto.INT64, ["N"])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [COUNT])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    model.producer_name = "tamis models/toxicity"
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString(deterministic=True)


class Reference:
    """ONNX Runtime on a model's bytes."""

    def __init__(self, model: bytes):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def probabilities(self, ids: np.ndarray) -> np.ndarray:
        """float32 [6]."""
        return self.session.run(None, {"ids": ids.astype(np.int64)})[0]


def golden(reference: Reference, shown: list[tuple[str, np.ndarray]], unshown: list[np.ndarray]) -> str:
    """Golden rows: `shown` with their texts, `unshown` by their ids alone."""
    lines = []
    for text, ids in [*shown, *((None, ids) for ids in unshown)]:
        row = {} if text is None else {"text": text}
        row["ids"] = ids.tolist()
        row["probabilities"] = [float(str(value)) for value in reference.probabilities(ids)]
        lines.append(json.dumps(row, separators=(",", ":")))
    return '{"rows":[\n' + ",\n".join(lines) + "\n]}\n"


def manifest(model: bytes, levels: tuple[int, int], metrics: dict, training: dict) -> str:
    """What `src/model/manifest.rs` reads."""
    content = {
        "name": "simple",
        "version": "1.0.0",
        "kind": "toxicity",
        "description": "Hashed n-grams in an int8 table of weights; calibrated probabilities of six labels; English",
        "license": "Apache-2.0",
        "onnx": ONNX_FILE,
        "sha256": hashlib.sha256(model).hexdigest(),
        "bytes": len(model),
        "golden": GOLDEN_FILE,
        "labels": LABELS,
        "score": "toxic",
        "input": {"type": "hashed-ngrams", "feature_spec": FEATURE_SPEC, "hash_bits": HASH_BITS},
        "output": {"tensor": "probabilities", "activation": "none"},
        "levels": {"medium": levels[0], "high": levels[1]},
        "metrics": metrics,
        "training": training,
    }
    return tomli_w.dumps(content)


def write(directory: Path, model: bytes, manifest_text: str, golden_text: str) -> None:
    """Writes the three files that the daemon embeds."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / ONNX_FILE).write_bytes(model)
    (directory / MANIFEST_FILE).write_text(manifest_text)
    (directory / GOLDEN_FILE).write_text(golden_text)
