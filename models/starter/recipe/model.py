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
    """Shape of a model and how long it learns; `head_dim` is `width // heads`."""

    layers: int
    width: int
    heads: int
    inner: int
    # Tokens of training, in millions, where no other number is asked for: what
    # each size reads in the same few minutes of one large GPU.
    tokens: int


SIZES = {
    "1M": Size(4, 128, 4, 352, 210),
    "3M": Size(6, 192, 3, 512, 165),
    "8M": Size(8, 288, 9, 768, 120),
    "15M": Size(8, 384, 6, 1024, 110),
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


def attend(query, key, value, mask):
    """Attention; `mask` of None is causal."""
    if query.is_cuda:
        return F.scaled_dot_product_attention(query, key, value, attn_mask=mask, is_causal=mask is None)
    # Plain matrices beat the fused kernel on a CPU at these sizes.
    if mask is None:
        tokens = query.shape[2]
        mask = torch.full((tokens, tokens), float("-inf"), dtype=query.dtype).triu(1)
    scores = query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5 + mask
    return scores.softmax(-1) @ value


class Cache:
    """Keys and values of one layer, `[batch, heads, tokens, head_dim]`, filled from the left."""

    def __init__(self, tokens: int):
        self.tokens, self.used, self.key, self.value = tokens, 0, None, None

    def append(self, key, value):
        if self.key is None:
            shape = (*key.shape[:2], self.tokens, key.shape[3])
            self.key, self.value = key.new_zeros(shape), value.new_zeros(shape)
        end = self.used + key.shape[2]
        self.key[:, :, self.used : end], self.value[:, :, self.used : end] = key, value
        self.used = end
        return self.key[:, :, :end], self.value[:, :, :end]


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

    def forward(self, x, cos, sin, mask, cache=None):
        batch, tokens, width = x.shape
        normed = self.attention_norm(x)
        heads = (batch, tokens, self.heads, self.head_dim)
        query, key, value = (f(normed).view(heads).transpose(1, 2) for f in (self.query, self.key, self.value))
        query, key = rotate(query, cos, sin), rotate(key, cos, sin)
        if cache is not None:
            key, value = cache.append(key, value)
        mixed = attend(query, key, value, mask)
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
        return self.pass_layers(ids, self.cos[:tokens], self.sin[:tokens], None, None)

    def pass_layers(self, ids, cos, sin, mask, caches):
        x = self.embedding(ids)
        kind = torch.get_autocast_dtype(ids.device.type) if torch.is_autocast_enabled(ids.device.type) else x.dtype
        cos, sin = cos.to(kind), sin.to(kind)
        for index, block in enumerate(self.blocks):
            x = block(x, cos, sin, mask, caches[index] if caches else None)
        return self.norm(x)

    @torch.no_grad()
    def write(self, prompts: list[list[int]], end: int, tokens_max: int) -> list[list[int]]:
        """Greedy answers to `prompts`, which stand right-aligned in one batch."""
        device = self.cos.device
        width = max(map(len, prompts))
        pad = torch.tensor([width - len(prompt) for prompt in prompts], device=device)
        ids = torch.zeros(len(prompts), width, dtype=torch.long)
        for row, prompt in enumerate(prompts):
            ids[row, width - len(prompt) :] = torch.tensor(prompt)
        ids = ids.to(device)
        caches = [Cache(width + tokens_max) for _ in self.blocks]
        place = torch.arange(width + tokens_max, device=device)
        written, going = [[] for _ in prompts], torch.ones(len(prompts), dtype=torch.bool, device=device)
        start = 0
        for _ in range(tokens_max):
            stop = start + ids.shape[1]
            # A row sees itself and what is before it, and nothing of its padding.
            seen = (place[None, None, :stop] <= place[None, start:stop, None]) & (place[None, None, :stop] >= pad[:, None, None])
            seen |= place[None, None, :stop] == place[None, start:stop, None]
            where = (place[None, start:stop] - pad[:, None]).clamp(min=0)
            cos, sin = self.cos[where][:, None], self.sin[where][:, None]
            mask = torch.zeros(seen.shape, device=device).masked_fill(~seen, float("-inf"))[:, None]
            kind = torch.get_autocast_dtype(ids.device.type) if torch.is_autocast_enabled(ids.device.type) else torch.float32
            hidden = self.pass_layers(ids, cos, sin, mask.to(kind), caches)[:, -1]
            best = F.linear(hidden, self.embedding.weight.to(hidden.dtype)).argmax(-1)
            going &= best != end
            for row, token in enumerate(torch.where(going, best, -1).tolist()):
                if token >= 0:
                    written[row].append(token)
            if not going.any():
                break
            ids, start = best[:, None], stop
        return written

    def parameters_total(self) -> int:
        return sum(parameter.numel() for parameter in self.parameters())
