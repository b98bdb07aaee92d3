"""The heads' losses, as the reference computes them."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

__all__ = ["classification_loss", "span_loss", "token_loss"]


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
