"""The three heads of LayoutLMv2."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from pageloom.models.layoutlmv2.config import LayoutLMv2Config
from pageloom.models.layoutlmv2.model import LayoutLMv2Model, LayoutLMv2Pretrained
from pageloom.models.losses import answer_span, classification_loss, token_loss
from pageloom.models.outputs import (
    QuestionAnsweringOutput,
    SequenceClassifierOutput,
    TokenClassifierOutput,
)

__all__ = [
    "LayoutLMv2ForQuestionAnswering",
    "LayoutLMv2ForSequenceClassification",
    "LayoutLMv2ForTokenClassification",
]


class LayoutLMv2ForTokenClassification(LayoutLMv2Pretrained):
    """A label for each text token."""

    def __init__(self, config: LayoutLMv2Config) -> None:
        super().__init__(config)
        self.layoutlmv2 = LayoutLMv2Model(config)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.classifier = nn.Linear(config.hidden_size, config.num_labels)

    def forward(
        self,
        input_ids: Tensor | None = None,
        bbox: Tensor | None = None,
        image: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        **more: Any,
    ) -> TokenClassifierOutput:
        """As `LayoutLMv2Model.forward`; `labels` int64 (batch, length), -100 where none."""
        base = self.layoutlmv2(
            input_ids,
            bbox,
            image,
            attention_mask,
            token_type_ids,
            position_ids,
            inputs_embeds,
            **more,
        )
        visual = self.config.visual_tokens
        logits = self.classifier(self.dropout(base.last_hidden_state[:, :-visual]))
        return TokenClassifierOutput(
            logits=logits,
            loss=None if labels is None else token_loss(logits, labels),
            hidden_states=base.hidden_states,
            attentions=base.attentions,
        )


class LayoutLMv2ForSequenceClassification(LayoutLMv2Pretrained):
    """A label for the page, from the first token and the visual tokens in and out."""

    def __init__(self, config: LayoutLMv2Config) -> None:
        super().__init__(config)
        self.layoutlmv2 = LayoutLMv2Model(config)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.classifier = nn.Linear(3 * config.hidden_size, config.num_labels)

    def forward(
        self,
        input_ids: Tensor | None = None,
        bbox: Tensor | None = None,
        image: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        *,
        image_features: Tensor | None = None,
        **more: Any,
    ) -> SequenceClassifierOutput:
        """As `LayoutLMv2Model.forward`.

        `labels`: int64 (batch,), or float (batch, labels) for several labels at once or regression;
        `config.problem_type` says which, and by default their type does.
        """
        visual = self.layoutlmv2.embed_image(image, image_features)
        base = self.layoutlmv2(
            input_ids,
            bbox,
            None,
            attention_mask,
            token_type_ids,
            position_ids,
            inputs_embeds,
            visual_embeds=visual,
            **more,
        )
        last, tokens = base.last_hidden_state, self.config.visual_tokens
        features = torch.cat((last[:, 0], visual.mean(1), last[:, -tokens:].mean(1)), 1)
        logits = self.classifier(self.dropout(features))
        problem = self.config.problem_type
        return SequenceClassifierOutput(
            logits=logits,
            loss=None if labels is None else classification_loss(logits, labels, problem),
            hidden_states=base.hidden_states,
            attentions=base.attentions,
        )


class LayoutLMv2ForQuestionAnswering(LayoutLMv2Pretrained):
    """Where in the text an answer starts and ends.

    As in the reference, the model always has a visual segment embedding unless told otherwise.
    """

    def __init__(self, config: LayoutLMv2Config, has_visual_segment_embedding: bool = True) -> None:
        config = config.model_copy(
            update={"has_visual_segment_embedding": has_visual_segment_embedding}
        )
        super().__init__(config)
        self.layoutlmv2 = LayoutLMv2Model(config)
        self.qa_outputs = nn.Linear(config.hidden_size, config.num_labels)

    def forward(
        self,
        input_ids: Tensor | None = None,
        bbox: Tensor | None = None,
        image: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        start_positions: Tensor | None = None,
        end_positions: Tensor | None = None,
        **more: Any,
    ) -> QuestionAnsweringOutput:
        """As `LayoutLMv2Model.forward`; positions int64 (batch,), ignored beyond the window.

        Logits and loss are those of `answer_span`.
        """
        training = start_positions is not None and end_positions is not None
        base = self.layoutlmv2(
            input_ids,
            bbox,
            image,
            attention_mask,
            token_type_ids,
            position_ids,
            inputs_embeds,
            keep_padding=training,
            **more,
        )
        start, end, loss = answer_span(
            self.qa_outputs(base.last_hidden_state[:, : -self.config.visual_tokens]),
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
