"""Attention without padding.

A batch of sequences of different lengths is *packed*: the tokens that the attention mask keeps
stand one after the other in one tensor (tokens, hidden), so linear layers never see padding.
Attention itself runs sequence by sequence on the CPU, and on a padded view on an accelerator,
where many small kernels would cost more than the padding.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = [
    "Packing",
    "SelfAttention",
    "attend",
    "attention_weights",
    "close_keys",
    "relative_position_bucket",
]

BY_SEQUENCE = {"cpu"}
"""Kinds of device on which attention runs sequence by sequence."""


@dataclass(frozen=True)
class Packing:
    """Which places of a padded (batch, length) tensor hold tokens.

    `mask` bool (batch, length); `index` int64 (tokens,): the flat places where it is true;
    `lengths`: tokens of each sequence.
    """

    mask: Tensor
    index: Tensor
    lengths: tuple[int, ...]

    @classmethod
    def from_mask(cls, mask: Tensor) -> Packing:
        """From an attention mask (batch, length), non-zero where there is a token."""
        mask = mask.bool()
        index = mask.flatten().nonzero().squeeze(1)
        return cls(mask, index, tuple(mask.sum(1).tolist()))

    @property
    def by_sequence(self) -> bool:
        """Whether attention takes these sequences one by one."""
        return self.mask.device.type in BY_SEQUENCE

    @cached_property
    def dense(self) -> Packing:
        """The same sequences, each moved to the left of as few columns as the longest needs."""
        lengths = torch.tensor(self.lengths, device=self.mask.device)
        columns = torch.arange(max(self.lengths, default=0), device=self.mask.device)
        return Packing.from_mask(columns < lengths[:, None])

    def pack(self, padded: Tensor) -> Tensor:
        """(batch, length, ...) -> (tokens, ...)."""
        return padded.flatten(0, 1).index_select(0, self.index)

    def pad(self, packed: Tensor, value: float = 0.0) -> Tensor:
        """(tokens, ...) -> (batch, length, ...), `value` where there is no token."""
        if len(self.index) == self.mask.numel():
            return packed.view(*self.mask.shape, *packed.shape[1:])
        rows = packed.new_full((self.mask.numel(), *packed.shape[1:]), value)
        return rows.index_copy(0, self.index, packed).view(*self.mask.shape, *packed.shape[1:])


def relative_position_bucket(distance: Tensor, buckets: int, max_distance: int) -> Tensor:
    """The bucket of each signed distance, int64, same shape, 0 <= bucket < `buckets`.

    Half of the buckets are for each sign; of these, half are for single distances and the rest grow
    logarithmically up to `max_distance`, beyond which all share the last (Raffel et al. 2020,
    section 2.1; LayoutLMv2, Xu et al. 2021, section 2.2).
    """
    half = buckets // 2
    exact = half // 2
    size = distance.abs()
    # Distances under `exact` take the other branch; the clamp keeps log(0) out.
    growth = torch.log(size.clamp(min=1).float() / exact) / math.log(max_distance / exact)
    large = (exact + (growth * (half - exact)).long()).clamp(max=half - 1)
    return torch.where(size < exact, size, large) + (distance > 0) * half


def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    packing: Packing,
    biases: Sequence[Tensor] | None,
    dropout: float = 0.0,
    scale: float | None = None,
) -> Tensor:
    """Scaled dot-product attention within each sequence of a packed batch.

    Args:
        query, key, value: (tokens, heads, size), packed.
        packing: the sequences.
        biases: what is added to the scaled scores: where attention runs by sequence, one
            (heads, n, n) for each; else a single (batch, heads, longest, longest), minus infinity
            at padded keys. `None`: nothing is added.
        dropout: the probability with which an attention weight is zeroed.
        scale: of the scores; 1 / sqrt(size) by default.

    Returns (tokens, heads * size).
    """
    if packing.by_sequence:
        parts = []
        # In bfloat16 on a CPU the fused kernel's backward pass is slower than its single steps.
        slow_backward = query.dtype == torch.bfloat16 and torch.is_grad_enabled()
        splits = (x.split(packing.lengths) for x in (query, key, value))
        for number, (q, k, v) in enumerate(zip(*splits, strict=True)):
            bias = None if biases is None else biases[number]
            q, k, v = (x.transpose(0, 1).unsqueeze(0) for x in (q, k, v))
            mask = None if bias is None else bias.unsqueeze(0)
            kernel = _step_by_step if slow_backward else F.scaled_dot_product_attention
            out = kernel(q, k, v, attn_mask=mask, dropout_p=dropout, scale=scale)
            parts.append(out.squeeze(0).transpose(0, 1))
        return torch.cat(parts).flatten(1)
    rows = packing.dense
    q, k, v = (rows.pad(x).transpose(1, 2) for x in (query, key, value))
    mask = rows.mask[:, None, None, :] if biases is None else biases[0]
    out = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, dropout_p=dropout, scale=scale)
    return rows.pack(out.transpose(1, 2)).flatten(1)


def _step_by_step(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    attn_mask: Tensor | None,
    dropout_p: float,
    scale: float | None,
) -> Tensor:
    """As `scaled_dot_product_attention`, which is one kernel."""
    scale = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    scores = (query * scale) @ key.transpose(-1, -2)
    if attn_mask is not None:
        scores = scores + attn_mask
    weights = F.dropout(scores.softmax(-1).to(value.dtype), dropout_p)
    return weights @ value


def attention_weights(
    query: Tensor,
    key: Tensor,
    packing: Packing,
    biases: Sequence[Tensor] | None,
    scale: float | None = None,
) -> Tensor:
    """The weights that `attend` uses without dropout: (batch, heads, length, length) over the
    padded length, zero where there is no token. Arguments as for `attend`.
    """
    batch, length = packing.mask.shape
    heads, size = query.shape[1:]
    scale = 1 / math.sqrt(size) if scale is None else scale
    weights = query.new_zeros(batch, heads, length, length)
    splits = (x.split(packing.lengths) for x in (query, key))
    for number, (q, k) in enumerate(zip(*splits, strict=True)):
        scores = torch.einsum("qhd,khd->hqk", q, k) * scale
        if biases is not None:
            bias = biases[number] if packing.by_sequence else biases[0][number]
            scores = scores + bias[:, : len(q), : len(q)]
        places = packing.mask[number].nonzero().squeeze(1)
        weights[number, :, places[:, None], places] = scores.softmax(-1).to(weights.dtype)
    return weights


def close_keys(
    biases: Sequence[Tensor] | None, keys: Tensor, packing: Packing, dtype: torch.dtype
) -> list[Tensor]:
    """The `biases` of `attend`, or zeros, with minus infinity where a key is closed.

    `keys` bool (tokens,), packed: whether a token may be attended to.
    """
    rows = keys.split(packing.lengths) if packing.by_sequence else (packing.dense.pad(keys),)
    closed = [~row[..., None, None, :] for row in rows]
    if biases is None:
        biases = [torch.zeros(mask.shape, dtype=dtype, device=mask.device) for mask in closed]
    pairs = zip(biases, closed, strict=True)
    return [bias.masked_fill(mask, -torch.inf) for bias, mask in pairs]


class SelfAttention(nn.Module):
    """Multi-head attention within each sequence (Vaswani et al. 2017, section 3.2.2).

    `dropout` is the probability with which a weight is dropped in training; without `bias` query,
    key and value are linear.
    """

    def __init__(self, hidden: int, heads: int, dropout: float, bias: bool = True) -> None:
        super().__init__()
        self.heads = heads
        self.dropout = dropout
        self.query = nn.Linear(hidden, hidden, bias=bias)
        self.key = nn.Linear(hidden, hidden, bias=bias)
        self.value = nn.Linear(hidden, hidden, bias=bias)

    def project(self, hidden: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(tokens, hidden) -> queries, keys and values, each (tokens, hidden)."""
        return self.query(hidden), self.key(hidden), self.value(hidden)

    def forward(
        self, hidden: Tensor, packing: Packing, biases: Sequence[Tensor] | None, weights: bool
    ) -> tuple[Tensor, Tensor | None]:
        """(tokens, hidden) -> the same; with `weights`, also those of `attention_weights`."""
        query, key, value = (x.unflatten(1, (self.heads, -1)) for x in self.project(hidden))
        dropout = self.dropout if self.training else 0.0
        out = attend(query, key, value, packing, biases, dropout)
        return out, attention_weights(query, key, packing, biases) if weights else None
