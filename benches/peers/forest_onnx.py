"""The iris forest as an ONNX graph, from `models/iris/forest.json`."""

import json
from pathlib import Path

import numpy as np
from onnx import TensorProto, checker, helper

OPSETS = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
IR_VERSION = 8


def write(forest: Path, out: Path) -> None:
    """Writes the graph: features float32 [N, 4] to label int64 [N] and how many trees vote for
    each class, float32 [N, 3]: whole numbers, so that equal ones are."""
    trees = json.loads(forest.read_text())["trees"]
    nodes = {
        name: [] for name in ("treeids", "nodeids", "modes", "featureids", "values", "truenodeids", "falsenodeids")
    }
    leaves = {name: [] for name in ("treeids", "nodeids", "ids", "weights")}
    for at, tree in enumerate(trees):
        columns = [tree[name] for name in ("feature", "threshold", "left", "right", "class")]
        for node, (feature, threshold, left, right, label) in enumerate(zip(*columns, strict=True)):
            leaf = feature < 0
            row = (
                (at, node, "LEAF", 0, 0.0, 0, 0)
                if leaf
                else (at, node, "BRANCH_LEQ", feature, narrowed(threshold), left, right)
            )
            for name, value in zip(nodes, row, strict=True):
                nodes[name].append(value)
            if leaf:
                for name, value in zip(leaves, (at, node, label, 1.0), strict=True):
                    leaves[name].append(value)
    attributes = {f"nodes_{name}": values for name, values in nodes.items()}
    attributes |= {f"class_{name}": values for name, values in leaves.items()}
    made = helper.make_node(
        "TreeEnsembleClassifier",
        ["features"],
        ["label", "votes"],
        domain="ai.onnx.ml",
        classlabels_int64s=[0, 1, 2],
        post_transform="NONE",
        **attributes,
    )
    inputs = [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["N", 4])]
    outputs = [
        helper.make_tensor_value_info("label", TensorProto.INT64, ["N"]),
        helper.make_tensor_value_info("votes", TensorProto.FLOAT, ["N", 3]),
    ]
    model = helper.make_model(
        helper.make_graph([made], "iris", inputs, outputs), opset_imports=OPSETS, ir_version=IR_VERSION
    )
    checker.check_model(model, full_check=True)
    out.write_bytes(model.SerializeToString(deterministic=True))


def narrowed(threshold: float) -> float:
    """The largest float32 that does not exceed `threshold`: for a float32 the comparison comes out the same."""
    nearest = np.float32(threshold)
    return float(np.nextafter(nearest, np.float32(-np.inf)) if float(nearest) > threshold else nearest)
