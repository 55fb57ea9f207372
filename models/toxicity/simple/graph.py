"""The bag as an ONNX graph."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from simple.model import COUNT, FLOOR, Bag

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
