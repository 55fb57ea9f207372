"""The encoder as a quantized ONNX graph, for one text at a time.

    ids int64 [N], [CLS] and [SEP] included -> probabilities float32 [6], contributions float32 [N, 6]

`contributions` is the exact share of each piece in each calibrated logit: logits = sum(contributions) + bias, since the
head is linear over the mean of the pieces' last states. Weights are symmetric int8 with one scale for each output column,
activations are quantized to uint8 as they come (DynamicQuantizeLinear), the word table is int8 with one scale for each row.
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
IR_VERSION = 8
HEAD_WIDTH = 32
EPSILON = 1e-12


def graph(weights: dict[str, np.ndarray], slopes: np.ndarray, intercepts: np.ndarray, pieces: int) -> bytes:
    """The ONNX model of `encoder.Encoder.arrays`, which reads at most `pieces` ids; calibration is folded into the head.

    The same weights give the same bytes.
    """
    builder = Builder(weights)
    state = builder.encoder(pieces)
    head = weights["head.weight"].T * slopes
    bias = weights["head.bias"] * slopes + intercepts
    builder.head(state, head.astype(np.float32), bias.astype(np.float32))
    labels = len(bias)
    made = helper.make_graph(
        builder.nodes,
        "bert",
        [helper.make_tensor_value_info("ids", TensorProto.INT64, ["N"])],
        [
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [labels]),
            helper.make_tensor_value_info("contributions", TensorProto.FLOAT, ["N", labels]),
        ],
        [numpy_helper.from_array(value, name) for name, value in builder.constants.items()],
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    model.producer_name = "tamis models/toxicity"
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString(deterministic=True)


def int8(values: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Symmetric int8 and its float32 scales, one for each slice along `axis`, which is kept as 1."""
    scale = np.abs(values).max(axis=axis, keepdims=True) / 127
    scale[scale == 0] = 1
    return np.clip(np.rint(values / scale), -127, 127).astype(np.int8), scale.astype(np.float32)


class Builder:
    """Collects nodes and constants; every method returns the name of what it computes."""

    def __init__(self, weights: dict[str, np.ndarray]):
        self.weights, self.nodes, self.constants = weights, [], {}
        self.width = weights["head.weight"].shape[1]
        self.layers = len({name.split(".")[1] for name in weights if name.startswith("layers.")})
        self.quantized = set()

    def op(self, kind: str, inputs: list[str], output: str | list[str], **attributes) -> str:
        """One node."""
        outputs = [output] if isinstance(output, str) else output
        self.nodes.append(helper.make_node(kind, inputs, outputs, **attributes))
        return outputs[0]

    def constant(self, name: str, value) -> str:
        """One constant."""
        self.constants[name] = np.asarray(value)
        return name

    def linear(self, x: str, out: str, weight: np.ndarray, bias: np.ndarray) -> str:
        """`x @ weight + bias` in integers up to the sum; `weight` is [in, out]. An input is quantized once."""
        if x not in self.quantized:
            self.quantized.add(x)
            self.op("DynamicQuantizeLinear", [x], [f"{x}_q", f"{x}_s", f"{x}_z"])
        table, scale = int8(weight, 0)
        self.op("MatMulInteger", [f"{x}_q", self.constant(f"{out}_w", table), f"{x}_z"], f"{out}_i")
        self.op("Cast", [f"{out}_i"], f"{out}_f", to=TensorProto.FLOAT)
        self.op("Mul", [f"{x}_s", self.constant(f"{out}_s", scale[0])], f"{out}_r")
        self.op("Mul", [f"{out}_f", f"{out}_r"], f"{out}_m")
        return self.op("Add", [f"{out}_m", self.constant(f"{out}_b", bias)], out)

    def norm(self, x: str, name: str, out: str) -> str:
        """Layer normalisation with the weights called `name`."""
        scale = self.constant(f"{out}_g", self.weights[f"{name}.weight"])
        shift = self.constant(f"{out}_beta", self.weights[f"{name}.bias"])
        return self.op("LayerNormalization", [x, scale, shift], out, axis=-1, epsilon=EPSILON)

    def encoder(self, pieces: int) -> str:
        """From ids to the last states, [N, width]."""
        table, scale = int8(self.weights["word.weight"], 1)
        self.op("Gather", [self.constant("word", table), "ids"], "word_q", axis=0)
        self.op("Cast", ["word_q"], "word_f", to=TensorProto.FLOAT)
        self.op("Gather", [self.constant("word_scale", scale), "ids"], "word_s", axis=0)
        self.op("Mul", ["word_f", "word_s"], "word_x")
        self.op("Shape", ["ids"], "n")
        zero = self.constant("zero", np.array([0], np.int64))
        axis = self.constant("axis_0", np.array([0], np.int64))
        self.op("Slice", [self.constant("position", self.weights["pos"][:pieces]), zero, "n", axis], "position_x")
        self.op("Add", ["word_x", "position_x"], "embedded")
        self.constant("heads", np.array([-1, self.width // HEAD_WIDTH, HEAD_WIDTH], np.int64))
        self.constant("flat", np.array([-1, self.width], np.int64))
        self.constant("thirds", np.array([self.width] * 3, np.int64))
        for name, value in (("half", 0.5), ("one", 1.0), ("root_half", 2**-0.5)):
            self.constant(name, np.float32(value))
        x = self.norm("embedded", "norm", "x0")
        for at in range(self.layers):
            x = self.layer(x, at)
        return x

    def layer(self, x: str, at: int) -> str:
        """Self-attention and the feed-forward block. The softmax's 1/sqrt(32) is folded into the query's weights."""
        p, name = f"l{at}_", f"layers.{at}."
        scale = np.ones(3 * self.width, np.float32)
        scale[: self.width] = HEAD_WIDTH**-0.5
        weight = lambda part: self.weights[f"{name}{part}.weight"].T
        bias = lambda part: self.weights[f"{name}{part}.bias"]
        self.linear(x, f"{p}qkv", weight("qkv") * scale, bias("qkv") * scale)
        self.op("Split", [f"{p}qkv", "thirds"], [f"{p}q", f"{p}k", f"{p}v"], axis=1)
        for part, order in (("q", [1, 0, 2]), ("k", [1, 2, 0]), ("v", [1, 0, 2])):
            self.op("Reshape", [f"{p}{part}", "heads"], f"{p}{part}h")
            self.op("Transpose", [f"{p}{part}h"], f"{p}{part}t", perm=order)
        self.op("MatMul", [f"{p}qt", f"{p}kt"], f"{p}scores")
        self.op("Softmax", [f"{p}scores"], f"{p}attention", axis=-1)
        self.op("MatMul", [f"{p}attention", f"{p}vt"], f"{p}mixed")
        self.op("Transpose", [f"{p}mixed"], f"{p}back", perm=[1, 0, 2])
        self.op("Reshape", [f"{p}back", "flat"], f"{p}context")
        self.linear(f"{p}context", f"{p}o", weight("o"), bias("o"))
        self.op("Add", [x, f"{p}o"], f"{p}r1")
        y = self.norm(f"{p}r1", f"{name}n1", f"{p}y")
        gelu = self.gelu(self.linear(y, f"{p}up", weight("up"), bias("up")), p)
        self.linear(gelu, f"{p}down", weight("down"), bias("down"))
        self.op("Add", [y, f"{p}down"], f"{p}r2")
        return self.norm(f"{p}r2", f"{name}n2", f"x{at + 1}")

    def gelu(self, x: str, p: str) -> str:
        """The exact GELU (Hendrycks and Gimpel 2016): x/2 (1 + erf(x / sqrt 2))."""
        self.op("Mul", [x, "root_half"], f"{p}e0")
        self.op("Erf", [f"{p}e0"], f"{p}e1")
        self.op("Add", [f"{p}e1", "one"], f"{p}e2")
        self.op("Mul", [x, f"{p}e2"], f"{p}e3")
        return self.op("Mul", [f"{p}e3", "half"], f"{p}gelu")

    def head(self, x: str, weight: np.ndarray, bias: np.ndarray) -> None:
        """`contributions` and `probabilities`."""
        self.op("MatMul", [x, self.constant("head_w", weight)], "states")
        self.op("Cast", ["n"], "n_f", to=TensorProto.FLOAT)
        self.op("Div", ["states", "n_f"], "contributions")
        self.op("ReduceSum", ["contributions", "axis_0"], "sum", keepdims=0)
        self.op("Add", ["sum", self.constant("head_b", bias)], "logits")
        self.op("Sigmoid", ["logits"], "probabilities")
