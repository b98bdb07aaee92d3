"""ViLT (Kim et al. 2021): words and image patches in one encoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from pageloom.models.attention import Packing, SelfAttention, close_keys
from pageloom.models.layers import FeedForward, Pooler, Residual, initialise_layer
from pageloom.models.outputs import BaseOutput
from pageloom.models.pretrained import PretrainedModel
from pageloom.models.vilt.config import ViltConfig
from pageloom.models.vilt.embeddings import Embeddings

__all__ = ["ViltModel", "ViltPretrained"]


class Attention(nn.Module):
    """Self-attention and its output."""

    def __init__(self, config: ViltConfig) -> None:
        super().__init__()
        hidden, heads = config.hidden_size, config.num_attention_heads
        dropout = config.attention_probs_dropout_prob
        self.attention = SelfAttention(hidden, heads, dropout, config.qkv_bias)
        self.output = Residual(hidden, hidden, config.hidden_dropout_prob, None)

    def forward(
        self,
        hidden: Tensor,
        residual: Tensor,
        packing: Packing,
        biases: Sequence[Tensor] | None,
        weights: bool,
    ) -> tuple[Tensor, Tensor | None]:
        """As `SelfAttention.forward`; `residual` (tokens, hidden) is added."""
        out, kept = self.attention(hidden, packing, biases, weights)
        return self.output(out, residual), kept


class Layer(nn.Module):
    """One layer: normalised before each of its two blocks (section 3.1, eq. 4 and 5)."""

    def __init__(self, config: ViltConfig) -> None:
        super().__init__()
        hidden, inner = config.hidden_size, config.intermediate_size
        self.layernorm_before = nn.LayerNorm(hidden, eps=config.layer_norm_eps)
        self.attention = Attention(config)
        self.layernorm_after = nn.LayerNorm(hidden, eps=config.layer_norm_eps)
        self.intermediate = FeedForward(hidden, inner, config.hidden_act)
        self.output = Residual(inner, hidden, config.hidden_dropout_prob, None)

    def forward(
        self, hidden: Tensor, packing: Packing, biases: Sequence[Tensor] | None, weights: bool
    ) -> tuple[Tensor, Tensor | None]:
        """As `SelfAttention.forward`."""
        before = self.layernorm_before(hidden)
        hidden, kept = self.attention(before, hidden, packing, biases, weights)
        return self.output(self.intermediate(self.layernorm_after(hidden)), hidden), kept


class Encoder(nn.Module):
    """The layers."""

    def __init__(self, config: ViltConfig) -> None:
        super().__init__()
        self.layer = nn.ModuleList(Layer(config) for _ in range(config.num_hidden_layers))

    def forward(
        self,
        hidden: Tensor,
        packing: Packing,
        biases: Sequence[Tensor] | None = None,
        hidden_states: list[Tensor] | None = None,
        attentions: list[Tensor] | None = None,
    ) -> Tensor:
        """(tokens, hidden) -> the same; the lists, where given, receive the layers' traces."""
        for layer in self.layer:
            if hidden_states is not None:
                hidden_states.append(packing.pad(hidden))
            hidden, weights = layer(hidden, packing, biases, attentions is not None)
            if attentions is not None:
                attentions.append(weights)
        if hidden_states is not None:
            hidden_states.append(packing.pad(hidden))
        return hidden


class ViltPretrained(PretrainedModel[ViltConfig]):
    """What ViLT and its heads share: checkpoint keys and initial values."""

    config_class = ViltConfig
    base_prefix: ClassVar[str] = "vilt"
    aliases = {
        # The decoder's weight is the word embeddings': a checkpoint may hold it under either name.
        "text_embeddings.word_embeddings.weight": ("mlm_score.decoder.weight",),
        "mlm_score.decoder.bias": ("mlm_score.bias",),
    }

    def initialise(self, module: nn.Module, names: set[str]) -> None:
        """Initial values as the authors': normal positions and first token, the rest as BERT."""
        for name in names:
            drawn = isinstance(module, nn.Conv2d) and name == "weight"
            if drawn or name in ("cls_token", "position_embeddings"):
                getattr(module, name).normal_(0.0, self.config.initializer_range)
            else:
                initialise_layer(module, {name}, self.config.initializer_range)


class ViltModel(ViltPretrained):
    """The encoder without a head.

    Equal to the reference's, whose order of an image's patches is random; here they stand by rows,
    and where `config.max_image_length` leaves some out, those that stay are drawn there and spread
    evenly over the image here (`embeddings.spread`), so the same image gives the same result.
    """

    def __init__(self, config: ViltConfig, add_pooling_layer: bool = True) -> None:
        super().__init__(config)
        hidden = config.hidden_size
        self.embeddings = Embeddings(config)
        self.encoder = Encoder(config)
        self.layernorm = nn.LayerNorm(hidden, eps=config.layer_norm_eps)
        self.pooler = Pooler(hidden) if add_pooling_layer else None

    def embed_images(
        self, pixel_values: Tensor, pixel_mask: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Images as `forward` takes them in `image_embeds` and `pixel_mask`.

        For callers who ask several questions of one image: `image_embeds.expand(n, -1, -1)` serves
        n texts. Returns (batch, tokens, hidden) and int64 (batch, tokens), 0 at padding.
        """
        tokens, packing = self.embeddings.images(pixel_values, pixel_mask)
        return tokens, packing.mask.long()

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        pixel_values: Tensor | None = None,
        pixel_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        image_embeds: Tensor | None = None,
        image_token_type_idx: int | None = None,
        *,
        output_hidden_states: bool = False,
        output_attentions: bool = False,
        keep_padding: bool = False,
    ) -> BaseOutput:
        """Encode a batch of texts, each with its image.

        Args:
            input_ids: int64 (batch, length).
            attention_mask: (batch, length), 0 at padding; ones by default.
            token_type_ids: int64 (batch, length); zeros by default.
            pixel_values: (batch, channels, height, width), normalised; sizes may be any.
            pixel_mask: (batch, height, width), 0 at padding; ones by default.
            inputs_embeds: (batch, length, hidden) in place of `input_ids`.
            image_embeds: (batch, tokens, hidden) in place of `pixel_values`, from `embed_images`;
                `pixel_mask` is then its mask (batch, tokens).
            image_token_type_idx: the modality of the image: 1 by default, 2 for a second image.
            output_hidden_states, output_attentions: return these as well.
            keep_padding: encode padding of the text too (nothing attends to it), as the reference
                does. It happens by itself where a text begins with padding, as that is pooled.

        The result's length is the text's, plus one, plus the patches of the image that has most.
        Raises `ValueError` where inputs are missing or do not fit together or the model.
        """
        if (input_ids is None) == (inputs_embeds is None):
            raise ValueError("give either input_ids or inputs_embeds")
        if (pixel_values is None) == (image_embeds is None):
            raise ValueError("give either pixel_values or image_embeds")
        given = input_ids if input_ids is not None else inputs_embeds
        assert given is not None
        batch, length = given.shape[:2]
        device, modality = given.device, image_token_type_idx
        self._check(batch, length, modality, pixel_values, image_embeds)
        if attention_mask is None:
            attention_mask = torch.ones(batch, length, dtype=torch.bool, device=device)
        shown = attention_mask.bool()
        if keep_padding or not bool(shown[:, 0].all()):
            text = Packing.from_mask(torch.ones_like(shown))
        else:
            text = Packing.from_mask(shown)
        if image_embeds is None:
            assert pixel_values is not None
            image_embeds, image = self.embeddings.images(pixel_values, pixel_mask)
            image_mask = image.mask
        else:
            image_mask = _embeds_mask(image_embeds, pixel_mask)

        embed = self.embeddings
        columns = torch.arange(length, device=device).expand(batch, length)
        positions = text.pack(columns)
        segments = torch.zeros_like(positions)
        if token_type_ids is not None:
            segments = text.pack(token_type_ids)
        if input_ids is not None:
            words = embed.text_embeddings.word_embeddings(text.pack(input_ids))
        else:
            assert inputs_embeds is not None
            words = text.pack(inputs_embeds)
        modalities = embed.token_type_embeddings.weight
        texts = embed.text_embeddings(words, positions, segments) + modalities[0]
        images = image_embeds + modalities[1 if modality is None else modality]
        packing = Packing.from_mask(torch.cat((text.mask, image_mask), 1))
        hidden = packing.pack(torch.cat((text.pad(texts), images.to(texts.dtype)), 1))
        biases: list[Tensor] | None = None
        if len(text.index) and not bool(shown[text.mask].all()):
            keys = packing.pack(torch.cat((shown, image_mask), 1))
            biases = close_keys(None, keys, packing, hidden.dtype)

        hidden_states: list[Tensor] | None = [] if output_hidden_states else None
        attentions: list[Tensor] | None = [] if output_attentions else None
        hidden = self.encoder(hidden, packing, biases, hidden_states, attentions)
        last = packing.pad(self.layernorm(hidden))
        return BaseOutput(
            last_hidden_state=last,
            pooler_output=None if self.pooler is None else self.pooler(last[:, 0]),
            hidden_states=None if hidden_states is None else tuple(hidden_states),
            attentions=None if attentions is None else tuple(attentions),
        )

    def _check(
        self,
        batch: int,
        length: int,
        modality: int | None,
        pixel_values: Tensor | None,
        image_embeds: Tensor | None,
    ) -> None:
        config = self.config
        if not batch or not length:
            raise ValueError("there is no text: each image needs one token at least")
        if length > config.max_position_embeddings:
            raise ValueError(
                f"{length} tokens in a text, and the model has positions for "
                f"{config.max_position_embeddings}; encode it with truncation=True, "
                f"max_length={config.max_position_embeddings}, or ask more briefly"
            )
        images = pixel_values if pixel_values is not None else image_embeds
        assert images is not None
        if len(images) != batch:
            raise ValueError(f"{batch} texts and {len(images)} images: give one image a text")
        if modality is not None and not 0 <= modality < config.modality_type_vocab_size:
            raise ValueError(
                f"image_token_type_idx is {modality}, and the model tells "
                f"{config.modality_type_vocab_size} modalities apart (modality_type_vocab_size)"
            )


def _embeds_mask(image_embeds: Tensor, pixel_mask: Tensor | None) -> Tensor:
    shape = image_embeds.shape[:2]
    if pixel_mask is None:
        return torch.ones(shape, dtype=torch.bool, device=image_embeds.device)
    mask = pixel_mask.flatten(1).bool()
    if mask.shape != shape:
        raise ValueError(
            f"image_embeds hold {shape[1]} tokens an image, and pixel_mask has the shape "
            f"{tuple(pixel_mask.shape)}: give the mask that came with them from embed_images"
        )
    return mask
