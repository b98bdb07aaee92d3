"""Bricks that the architectures share: embeddings, the feed-forward block, initial values."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = [
    "FeedForward",
    "Pooler",
    "Residual",
    "TextEmbeddings",
    "activation",
    "initialise_layer",
]

_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": F.gelu,
    "gelu_new": lambda x: F.gelu(x, approximate="tanh"),
    "relu": F.relu,
    "silu": F.silu,
    "tanh": torch.tanh,
}


def activation(name: str) -> Callable[[Tensor], Tensor]:
    """The activation function that a config's `hidden_act` names. Raises `ValueError`."""
    try:
        return _ACTIVATIONS[name]
    except KeyError:
        known = ", ".join(sorted(_ACTIVATIONS))
        raise ValueError(f"hidden_act {name!r} is not known; there are {known}") from None


class TextEmbeddings(nn.Module):
    """Word, position and segment embeddings, summed and normalised (BERT; Devlin et al. 2019).

    `pad_id` and `pad_position` are the rows that stay zero, if any.
    """

    def __init__(
        self,
        vocab: int,
        positions: int,
        segments: int,
        hidden: int,
        dropout: float,
        eps: float,
        pad_id: int | None = None,
        pad_position: int | None = None,
    ) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(vocab, hidden, padding_idx=pad_id)
        self.position_embeddings = nn.Embedding(positions, hidden, padding_idx=pad_position)
        self.token_type_embeddings = nn.Embedding(segments, hidden)
        self.LayerNorm = nn.LayerNorm(hidden, eps=eps)
        self.dropout = nn.Dropout(dropout)

    def forward(self, words: Tensor, positions: Tensor, segments: Tensor) -> Tensor:
        """(tokens, hidden), (tokens,), (tokens,) -> (tokens, hidden)."""
        summed = words + self.token_type_embeddings(segments) + self.position_embeddings(positions)
        out: Tensor = self.dropout(self.LayerNorm(summed))
        return out


class Residual(nn.Module):
    """Project, drop out, add the residual, normalise (BERT's post-norm; Devlin et al. 2019).

    Without `eps` nothing is normalised: pre-norm layers do that before they come here.
    """

    def __init__(self, inputs: int, outputs: int, dropout: float, eps: float | None) -> None:
        super().__init__()
        self.dense = nn.Linear(inputs, outputs)
        self.LayerNorm = None if eps is None else nn.LayerNorm(outputs, eps=eps)
        self.dropout = nn.Dropout(dropout)

    def forward(self, hidden: Tensor, residual: Tensor) -> Tensor:
        """(..., inputs) and (..., outputs) -> (..., outputs)."""
        out: Tensor = self.dropout(self.dense(hidden)) + residual
        return out if self.LayerNorm is None else self.LayerNorm(out)


class FeedForward(nn.Module):
    """The first half of the feed-forward block: widen and activate."""

    def __init__(self, hidden: int, intermediate: int, act: str) -> None:
        super().__init__()
        self.dense = nn.Linear(hidden, intermediate)
        self.act = activation(act)

    def forward(self, hidden: Tensor) -> Tensor:
        """(..., hidden) -> (..., intermediate)."""
        return self.act(self.dense(hidden))


class Pooler(nn.Module):
    """The first token's state through a tanh layer, as in BERT."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.dense = nn.Linear(hidden, hidden)

    def forward(self, hidden: Tensor) -> Tensor:
        """(batch, hidden) -> the same."""
        return torch.tanh(self.dense(hidden))


def initialise_layer(module: nn.Module, names: set[str], std: float) -> None:
    """Initial values of the layers that all architectures use.

    Weights of linear and embedding layers from N(0, std), norms to identity, biases and the padding
    embedding to zero; convolutions and batch norms as their own classes set them.
    """
    if isinstance(module, nn.Linear | nn.Embedding):
        if "weight" in names:
            module.weight.normal_(0.0, std)
            if isinstance(module, nn.Embedding) and module.padding_idx is not None:
                module.weight[module.padding_idx].zero_()
        if "bias" in names:
            getattr(module, "bias").zero_()  # noqa: B009 - an embedding has none
        return
    for name in names:
        tensor = getattr(module, name)
        if isinstance(module, nn.LayerNorm) and name == "weight":
            tensor.fill_(1.0)
        else:
            tensor.zero_()
