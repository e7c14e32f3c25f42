"""A Llama-architecture decoder small enough to train on two cores.

RMSNorm, rotary positions (pairs interleaved, as GGUF stores them), SwiGLU,
tied embeddings, no biases: any GGUF reader of the `llama` architecture loads it.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn


@dataclass(frozen=True)
class Size:
    """Shape of a model; `head_dim` is `width // heads`."""

    layers: int
    width: int
    heads: int
    inner: int


SIZES = {
    "1M": Size(4, 128, 4, 352),
    "3M": Size(6, 192, 3, 512),
    "8M": Size(8, 288, 9, 768),
    "15M": Size(8, 384, 6, 1024),
}
ROPE_BASE = 10000.0
NORM_EPSILON = 1e-5


class Norm(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x):
        return F.rms_norm(x, (x.shape[-1],), self.weight.to(x.dtype), NORM_EPSILON)


def rotate(x, cos, sin):
    """Rotates neighbouring pairs of `x` `[batch, heads, tokens, head_dim]`."""
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack([even * cos - odd * sin, even * sin + odd * cos], -1).flatten(-2)


class Block(nn.Module):
    def __init__(self, size: Size):
        super().__init__()
        width, inner = size.width, size.inner
        self.heads, self.head_dim = size.heads, width // size.heads
        self.attention_norm, self.ffn_norm = Norm(width), Norm(width)
        self.query, self.key = nn.Linear(width, width, False), nn.Linear(width, width, False)
        self.value, self.output = nn.Linear(width, width, False), nn.Linear(width, width, False)
        self.gate, self.up = nn.Linear(width, inner, False), nn.Linear(width, inner, False)
        self.down = nn.Linear(inner, width, False)

    def forward(self, x, cos, sin, mask):
        batch, tokens, width = x.shape
        normed = self.attention_norm(x)
        heads = (batch, tokens, self.heads, self.head_dim)
        query, key, value = (f(normed).view(heads).transpose(1, 2) for f in (self.query, self.key, self.value))
        query, key = rotate(query, cos, sin), rotate(key, cos, sin)
        # Plain matrices beat the fused kernel on a CPU at these sizes.
        scores = query @ key.transpose(-1, -2) * self.head_dim**-0.5 + mask
        mixed = scores.softmax(-1) @ value
        x = x + self.output(mixed.transpose(1, 2).reshape(batch, tokens, width))
        normed = self.ffn_norm(x)
        return x + self.down(F.silu(self.gate(normed)) * self.up(normed))


class Decoder(nn.Module):
    def __init__(self, vocabulary: int, size: Size, context: int):
        super().__init__()
        self.size, self.context = size, context
        self.embedding = nn.Embedding(vocabulary, size.width)
        self.blocks = nn.ModuleList(Block(size) for _ in range(size.layers))
        self.norm = Norm(size.width)
        head_dim = size.width // size.heads
        frequency = ROPE_BASE ** (-torch.arange(0, head_dim, 2).float() / head_dim)
        angle = torch.arange(context).float()[:, None] * frequency[None]
        self.register_buffer("cos", angle.cos(), persistent=False)
        self.register_buffer("sin", angle.sin(), persistent=False)
        for name, parameter in self.named_parameters():
            if parameter.dim() == 2:
                deviation = 0.02 if "embedding" in name else 0.5 / math.sqrt(parameter.shape[1])
                if "output" in name or "down" in name:
                    deviation /= math.sqrt(2 * size.layers)
                nn.init.normal_(parameter, 0, deviation)

    def hidden(self, ids):
        tokens = ids.shape[1]
        x = self.embedding(ids)
        kind = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else x.dtype
        mask = torch.full((tokens, tokens), float("-inf"), device=ids.device, dtype=kind).triu(1)
        cos, sin = self.cos[:tokens].to(kind), self.sin[:tokens].to(kind)
        for block in self.blocks:
            x = block(x, cos, sin, mask)
        return self.norm(x)

    def forward(self, ids):
        return F.linear(self.hidden(ids), self.embedding.weight)

    def parameters_total(self) -> int:
        return sum(parameter.numel() for parameter in self.parameters())
