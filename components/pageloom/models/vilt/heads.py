"""The five heads of ViLT."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pageloom.models.layers import activation
from pageloom.models.losses import answer_loss, match_loss, token_loss
from pageloom.models.outputs import (
    BaseOutput,
    ImagesAndTextClassifierOutput,
    MaskedLMOutput,
    SequenceClassifierOutput,
    TokenClassifierOutput,
)
from pageloom.models.vilt.config import ViltConfig
from pageloom.models.vilt.model import ViltModel, ViltPretrained

__all__ = [
    "ViltForImageAndTextRetrieval",
    "ViltForImagesAndTextClassification",
    "ViltForMaskedLM",
    "ViltForQuestionAnswering",
    "ViltForTokenClassification",
]


def _classifier(inputs: int, inner: int, labels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(inputs, inner), nn.LayerNorm(inner), nn.GELU(), nn.Linear(inner, labels)
    )


def _pooled(base: BaseOutput) -> Tensor:
    assert base.pooler_output is not None
    return base.pooler_output


class ViltForQuestionAnswering(ViltPretrained):
    """An answer out of `config.id2label` to a question about an image."""

    def __init__(self, config: ViltConfig) -> None:
        super().__init__(config)
        self.vilt = ViltModel(config)
        hidden = config.hidden_size
        self.classifier = _classifier(hidden, 2 * hidden, config.num_labels)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        pixel_values: Tensor | None = None,
        pixel_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        image_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        **more: Any,
    ) -> SequenceClassifierOutput:
        """As `ViltModel.forward`; `labels` (batch, answers), 0-1: how far each answer is right."""
        base = self.vilt(
            input_ids,
            attention_mask,
            token_type_ids,
            pixel_values,
            pixel_mask,
            inputs_embeds,
            image_embeds,
            **more,
        )
        logits = self.classifier(_pooled(base))
        return SequenceClassifierOutput(
            logits=logits,
            loss=None if labels is None else answer_loss(logits, labels),
            hidden_states=base.hidden_states,
            attentions=base.attentions,
        )


class ViltForImageAndTextRetrieval(ViltPretrained):
    """How well a text fits an image, as one number."""

    def __init__(self, config: ViltConfig) -> None:
        super().__init__(config)
        self.vilt = ViltModel(config)
        self.rank_output = nn.Linear(config.hidden_size, 1)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        pixel_values: Tensor | None = None,
        pixel_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        image_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        **more: Any,
    ) -> SequenceClassifierOutput:
        """As `ViltModel.forward`; `logits` (batch, 1), higher where text and image fit better.

        `labels` (batch,): 1 where they belong together, 0 where not. The loss is that of image text
        matching, after which the logits' sigmoid is a probability; the reference has no loss here.
        """
        base = self.vilt(
            input_ids,
            attention_mask,
            token_type_ids,
            pixel_values,
            pixel_mask,
            inputs_embeds,
            image_embeds,
            **more,
        )
        logits = self.rank_output(_pooled(base))
        return SequenceClassifierOutput(
            logits=logits,
            loss=None if labels is None else match_loss(logits, labels),
            hidden_states=base.hidden_states,
            attentions=base.attentions,
        )


class ViltForImagesAndTextClassification(ViltPretrained):
    """A label for a text and `config.num_images` images, such as NLVR2's two."""

    def __init__(self, config: ViltConfig) -> None:
        super().__init__(config)
        if config.num_images < 1:
            raise ValueError(f"num_images is {config.num_images}; say how many an example has")
        if config.modality_type_vocab_size <= config.num_images:
            raise ValueError(
                f"modality_type_vocab_size {config.modality_type_vocab_size} is too small: there "
                f"must be one for the text and one for each of num_images {config.num_images}"
            )
        self.vilt = ViltModel(config)
        wide = config.hidden_size * config.num_images
        self.classifier = _classifier(wide, wide, config.num_labels)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        pixel_values: Tensor | None = None,
        pixel_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        image_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        **more: Any,
    ) -> ImagesAndTextClassifierOutput:
        """As `ViltModel.forward`, with one more axis for an example's images.

        `pixel_values` (batch, images, channels, height, width), `pixel_mask` (batch, images,
        height, width), `image_embeds` (batch, images, tokens, hidden); without that axis there is
        one image. `labels` int64 (batch,).
        """
        if pixel_values is not None and pixel_values.dim() == 4:
            pixel_values = pixel_values[:, None]
        if image_embeds is not None and image_embeds.dim() == 3:
            image_embeds = image_embeds[:, None]
        given = pixel_values if pixel_values is not None else image_embeds
        if given is None:
            raise ValueError("give either pixel_values or image_embeds")
        count = given.shape[1]
        if count != self.config.num_images:
            raise ValueError(
                f"{count} images an example, and the model takes {self.config.num_images}: "
                "pixel_values are (batch, images, channels, height, width)"
            )
        if pixel_mask is not None:
            if pixel_mask.dim() < (4 if pixel_values is not None else 3):
                pixel_mask = pixel_mask[:, None]
            if pixel_mask.shape[:2] != given.shape[:2]:
                raise ValueError(
                    f"pixel_mask has the shape {tuple(pixel_mask.shape)}, and there are "
                    f"{len(given)} examples of {count} images: give (batch, images, height, width)"
                )
        outputs: list[BaseOutput] = [
            self.vilt(
                input_ids,
                attention_mask,
                token_type_ids,
                None if pixel_values is None else pixel_values[:, number],
                None if pixel_mask is None else pixel_mask[:, number],
                inputs_embeds,
                None if image_embeds is None else image_embeds[:, number],
                number + 1,
                **more,
            )
            for number in range(count)
        ]
        logits = self.classifier(torch.cat([_pooled(base) for base in outputs], -1))
        states = tuple(base.hidden_states for base in outputs if base.hidden_states is not None)
        attentions = tuple(base.attentions for base in outputs if base.attentions is not None)
        return ImagesAndTextClassifierOutput(
            logits=logits,
            loss=None if labels is None else token_loss(logits, labels.flatten()),
            hidden_states=states or None,
            attentions=attentions or None,
        )


class ViltForTokenClassification(ViltPretrained):
    """A label for each text token."""

    def __init__(self, config: ViltConfig) -> None:
        super().__init__(config)
        self.vilt = ViltModel(config, add_pooling_layer=False)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.classifier = nn.Linear(config.hidden_size, config.num_labels)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        pixel_values: Tensor | None = None,
        pixel_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        image_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        **more: Any,
    ) -> TokenClassifierOutput:
        """As `ViltModel.forward`; `labels` int64 (batch, length), -100 where none."""
        base = self.vilt(
            input_ids,
            attention_mask,
            token_type_ids,
            pixel_values,
            pixel_mask,
            inputs_embeds,
            image_embeds,
            **_keep_labelled(attention_mask, labels, more),
        )
        logits = self.classifier(self.dropout(_text_states(base, input_ids, inputs_embeds)))
        return TokenClassifierOutput(
            logits=logits,
            loss=None if labels is None else token_loss(logits, labels),
            hidden_states=base.hidden_states,
            attentions=base.attentions,
        )


class _Transform(nn.Module):
    def __init__(self, config: ViltConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.act = activation(config.hidden_act)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def forward(self, hidden: Tensor) -> Tensor:
        out: Tensor = self.LayerNorm(self.act(self.dense(hidden)))
        return out


class _Decoder(nn.Module):
    """The bias alone: the weight is that of the word embeddings."""

    def __init__(self, vocab: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(vocab))


class _MaskedLMHead(nn.Module):
    def __init__(self, config: ViltConfig) -> None:
        super().__init__()
        self.transform = _Transform(config)
        self.decoder = _Decoder(config.vocab_size)

    def forward(self, hidden: Tensor, words: Tensor) -> Tensor:
        return F.linear(self.transform(hidden), words, self.decoder.bias)


class ViltForMaskedLM(ViltPretrained):
    """The word behind each `[MASK]`, from the text around it and the image."""

    def __init__(self, config: ViltConfig) -> None:
        super().__init__(config)
        self.vilt = ViltModel(config)
        self.mlm_score = _MaskedLMHead(config)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        pixel_values: Tensor | None = None,
        pixel_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        image_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        **more: Any,
    ) -> MaskedLMOutput:
        """As `ViltModel.forward`; `labels` int64 (batch, length), the word's id or -100."""
        base = self.vilt(
            input_ids,
            attention_mask,
            token_type_ids,
            pixel_values,
            pixel_mask,
            inputs_embeds,
            image_embeds,
            **_keep_labelled(attention_mask, labels, more),
        )
        words = self.vilt.embeddings.text_embeddings.word_embeddings.weight
        logits = self.mlm_score(_text_states(base, input_ids, inputs_embeds), words)
        return MaskedLMOutput(
            logits=logits,
            loss=None if labels is None else token_loss(logits, labels),
            hidden_states=base.hidden_states,
            attentions=base.attentions,
        )


def _text_states(base: BaseOutput, input_ids: Tensor | None, embeds: Tensor | None) -> Tensor:
    given = input_ids if input_ids is not None else embeds
    assert given is not None
    return base.last_hidden_state[:, : given.shape[1]]


def _keep_labelled(
    mask: Tensor | None, labels: Tensor | None, more: dict[str, Any]
) -> dict[str, Any]:
    # The reference's loss runs over padding too, where it is labelled.
    if mask is None or labels is None or "keep_padding" in more:
        return more
    return {**more, "keep_padding": bool((labels[mask == 0] != -100).any())}
