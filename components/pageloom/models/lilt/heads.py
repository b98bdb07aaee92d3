"""The three heads of LiLT."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from pageloom.models.lilt.config import LiltConfig
from pageloom.models.lilt.model import LiltModel, LiltPretrained
from pageloom.models.losses import answer_span, classification_loss, token_loss
from pageloom.models.outputs import (
    QuestionAnsweringOutput,
    SequenceClassifierOutput,
    TokenClassifierOutput,
)

__all__ = [
    "LiltForQuestionAnswering",
    "LiltForSequenceClassification",
    "LiltForTokenClassification",
]


def _dropout(config: LiltConfig) -> nn.Dropout:
    own = config.classifier_dropout
    return nn.Dropout(config.hidden_dropout_prob if own is None else own)


class LiltForTokenClassification(LiltPretrained):
    """A label for each token."""

    def __init__(self, config: LiltConfig) -> None:
        super().__init__(config)
        self.lilt = LiltModel(config, add_pooling_layer=False)
        self.dropout = _dropout(config)
        self.classifier = nn.Linear(config.hidden_size, config.num_labels)

    def forward(
        self,
        input_ids: Tensor | None = None,
        bbox: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        **more: Any,
    ) -> TokenClassifierOutput:
        """As `LiltModel.forward`; `labels` int64 (batch, length), -100 where none."""
        base = self.lilt(
            input_ids, bbox, attention_mask, token_type_ids, position_ids, inputs_embeds, **more
        )
        logits = self.classifier(self.dropout(base.last_hidden_state))
        return TokenClassifierOutput(
            logits=logits,
            loss=None if labels is None else token_loss(logits, labels),
            hidden_states=base.hidden_states,
            attentions=base.attentions,
        )


class ClassificationHead(nn.Module):
    """The first token's state through a tanh layer, then to labels, as in RoBERTa."""

    def __init__(self, config: LiltConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.dropout = _dropout(config)
        self.out_proj = nn.Linear(config.hidden_size, config.num_labels)

    def forward(self, hidden: Tensor) -> Tensor:
        """(batch, hidden) -> (batch, labels)."""
        inner = torch.tanh(self.dense(self.dropout(hidden)))
        out: Tensor = self.out_proj(self.dropout(inner))
        return out


class LiltForSequenceClassification(LiltPretrained):
    """A label for the window."""

    def __init__(self, config: LiltConfig) -> None:
        super().__init__(config)
        self.lilt = LiltModel(config, add_pooling_layer=False)
        self.classifier = ClassificationHead(config)

    def forward(
        self,
        input_ids: Tensor | None = None,
        bbox: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        **more: Any,
    ) -> SequenceClassifierOutput:
        """As `LiltModel.forward`.

        `labels`: int64 (batch,), or float (batch, labels) for several labels at once or regression;
        `config.problem_type` says which, and by default their type does.
        """
        base = self.lilt(
            input_ids, bbox, attention_mask, token_type_ids, position_ids, inputs_embeds, **more
        )
        logits = self.classifier(base.last_hidden_state[:, 0])
        problem = self.config.problem_type
        return SequenceClassifierOutput(
            logits=logits,
            loss=None if labels is None else classification_loss(logits, labels, problem),
            hidden_states=base.hidden_states,
            attentions=base.attentions,
        )


class LiltForQuestionAnswering(LiltPretrained):
    """Where in the text an answer starts and ends."""

    def __init__(self, config: LiltConfig) -> None:
        super().__init__(config)
        self.lilt = LiltModel(config, add_pooling_layer=False)
        self.qa_outputs = nn.Linear(config.hidden_size, config.num_labels)

    def forward(
        self,
        input_ids: Tensor | None = None,
        bbox: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        start_positions: Tensor | None = None,
        end_positions: Tensor | None = None,
        **more: Any,
    ) -> QuestionAnsweringOutput:
        """As `LiltModel.forward`; positions int64 (batch,), ignored beyond the window.

        Logits and loss are those of `answer_span`.
        """
        training = start_positions is not None and end_positions is not None
        base = self.lilt(
            input_ids,
            bbox,
            attention_mask,
            token_type_ids,
            position_ids,
            inputs_embeds,
            keep_padding=training,
            **more,
        )
        start, end, loss = answer_span(
            self.qa_outputs(base.last_hidden_state),
            attention_mask,
            start_positions,
            end_positions,
        )
        return QuestionAnsweringOutput(
            start_logits=start,
            end_logits=end,
            loss=loss,
            hidden_states=base.hidden_states,
            attentions=base.attentions,
        )
