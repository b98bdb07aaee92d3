"""What the models' `forward` returns: plain dataclasses of tensors, `None` where not asked for."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

__all__ = [
    "BaseOutput",
    "ImagesAndTextClassifierOutput",
    "MaskedLMOutput",
    "QuestionAnsweringOutput",
    "SequenceClassifierOutput",
    "TokenClassifierOutput",
]


@dataclass(kw_only=True)
class _Traces:
    """What can be asked for besides the result.

    `hidden_states`: one tensor (batch, length, hidden) for the embeddings and for each layer.
    `attentions`: one tensor (batch, heads, length, length) a layer. Both are zero where the
    attention mask is zero.
    """

    hidden_states: tuple[Tensor, ...] | None = None
    attentions: tuple[Tensor, ...] | None = None


@dataclass(kw_only=True)
class BaseOutput(_Traces):
    """`last_hidden_state` (batch, length, hidden), zero where the attention mask is zero;
    `pooler_output` (batch, hidden), `None` in a model without pooler.
    """

    last_hidden_state: Tensor
    pooler_output: Tensor | None


@dataclass(kw_only=True)
class TokenClassifierOutput(_Traces):
    """`logits` (batch, text length, labels); `loss` if labels were given."""

    logits: Tensor
    loss: Tensor | None = None


@dataclass(kw_only=True)
class SequenceClassifierOutput(_Traces):
    """`logits` (batch, labels); `loss` if labels were given."""

    logits: Tensor
    loss: Tensor | None = None


@dataclass(kw_only=True)
class MaskedLMOutput(_Traces):
    """`logits` (batch, text length, vocabulary); `loss` if labels were given."""

    logits: Tensor
    loss: Tensor | None = None


@dataclass(kw_only=True)
class ImagesAndTextClassifierOutput:
    """`logits` (batch, labels); `loss` if labels were given.

    `hidden_states` and `attentions`: for each image of an example, what the model gave for it
    together with the text.
    """

    logits: Tensor
    loss: Tensor | None = None
    hidden_states: tuple[tuple[Tensor, ...], ...] | None = None
    attentions: tuple[tuple[Tensor, ...], ...] | None = None


@dataclass(kw_only=True)
class QuestionAnsweringOutput(_Traces):
    """`start_logits` and `end_logits` (batch, text length); `loss` if positions were given."""

    start_logits: Tensor
    end_logits: Tensor
    loss: Tensor | None = None
