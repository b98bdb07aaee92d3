"""The heads' losses, as the reference computes them."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = [
    "answer_loss",
    "answer_span",
    "classification_loss",
    "match_loss",
    "span_loss",
    "token_loss",
]


def token_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean cross-entropy over the tokens whose label is not -100; (..., labels) and (...)."""
    return F.cross_entropy(logits.flatten(0, -2).float(), labels.flatten())


def classification_loss(logits: Tensor, labels: Tensor, problem: str | None) -> Tensor:
    """(batch, labels) and labels as `problem` needs them; see `ModelConfig.problem_type`.

    Without `problem`: one output is a regression, integer labels are single, others several.
    """
    if problem is None:
        if logits.shape[1] == 1:
            problem = "regression"
        elif labels.is_floating_point():
            problem = "multi_label_classification"
        else:
            problem = "single_label_classification"
    logits = logits.float()
    if problem == "regression":
        return F.mse_loss(logits.squeeze(), labels.squeeze().float())
    if problem == "single_label_classification":
        return F.cross_entropy(logits, labels.flatten())
    return F.binary_cross_entropy_with_logits(logits, labels.float())


def answer_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Binary cross-entropy, summed over the answers and averaged over the questions; both (batch,
    answers), labels 0-1, for answers on which people agree in part (Kim et al. 2018, BAN, code).
    """
    loss = F.binary_cross_entropy_with_logits(logits.float(), labels.float())
    return loss * labels.shape[1]


def match_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean binary cross-entropy of whether text and image belong together; (batch, 1), (batch,)."""
    return F.binary_cross_entropy_with_logits(logits.flatten().float(), labels.flatten().float())


def span_loss(start: Tensor, end: Tensor, start_at: Tensor, end_at: Tensor) -> Tensor:
    """Mean of both cross-entropies; logits (batch, length), positions (batch,), ignored when they
    lie beyond the window.
    """
    length = start.shape[1]
    losses = (
        F.cross_entropy(logits.float(), at.flatten().clamp(0, length), ignore_index=length)
        for logits, at in ((start, start_at), (end, end_at))
    )
    first, second = losses
    return (first + second) / 2


def answer_span(
    logits: Tensor, mask: Tensor | None, start_at: Tensor | None, end_at: Tensor | None
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Start and end logits (batch, length) and, with both positions, their `span_loss`.

    `logits` (batch, length, 2); `mask` (batch, length), 0 at padding. The loss runs over padding
    too, as the references' does. Without positions, the logits at padding are the lowest number, so
    that no answer starts or ends there.
    """
    if start_at is not None and end_at is not None:
        start, end = logits.unbind(-1)
        return start, end, span_loss(start, end, start_at, end_at)
    if mask is not None:
        logits = logits.masked_fill(~mask.bool().unsqueeze(-1), torch.finfo(logits.dtype).min)
    start, end = logits.unbind(-1)
    return start, end, None
