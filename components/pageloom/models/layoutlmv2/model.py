"""LayoutLMv2 (Xu et al. 2021): text, boxes and page picture in one encoder."""

from __future__ import annotations

from functools import lru_cache
from typing import ClassVar

import torch
from torch import Tensor, nn

from pageloom.models.attention import (
    Packing,
    SelfAttention,
    close_keys,
    relative_position_bucket,
)
from pageloom.models.boxes import BoxEmbeddings, check_boxes
from pageloom.models.layers import FeedForward, Pooler, Residual, initialise_layer
from pageloom.models.layoutlmv2.config import LayoutLMv2Config
from pageloom.models.layoutlmv2.visual import VisualBackbone
from pageloom.models.layoutlmv2.visual import checkpoint_key as visual_checkpoint_key
from pageloom.models.outputs import BaseOutput
from pageloom.models.pretrained import PretrainedModel

__all__ = ["LayoutLMv2Model", "LayoutLMv2Pretrained"]


class Embeddings(BoxEmbeddings):
    """Word, position, segment and box embeddings, summed and normalised (section 2.1)."""

    def __init__(self, config: LayoutLMv2Config) -> None:
        super().__init__(
            config.max_2d_position_embeddings, config.coordinate_size, config.shape_size
        )
        hidden = config.hidden_size
        self.word_embeddings = nn.Embedding(
            config.vocab_size, hidden, padding_idx=config.pad_token_id
        )
        self.position_embeddings = nn.Embedding(config.max_position_embeddings, hidden)
        self.token_type_embeddings = nn.Embedding(config.type_vocab_size, hidden)
        self.LayerNorm = nn.LayerNorm(hidden, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, words: Tensor, bbox: Tensor, positions: Tensor, segments: Tensor) -> Tensor:
        """(tokens, hidden), (tokens, 4), (tokens,), (tokens,) -> (tokens, hidden)."""
        out: Tensor = self.dropout(
            self.LayerNorm(
                words
                + self.position_embeddings(positions)
                + self.boxes(bbox)
                + self.token_type_embeddings(segments)
            )
        )
        return out


class FusedSelfAttention(SelfAttention):
    """The same with query, key and value from one weight, and no bias for keys (`fast_qkv`)."""

    def __init__(self, hidden: int, heads: int, dropout: float) -> None:
        nn.Module.__init__(self)
        self.heads = heads
        self.dropout = dropout
        self.qkv_linear = nn.Linear(hidden, 3 * hidden, bias=False)
        self.q_bias = nn.Parameter(torch.zeros(1, 1, hidden))
        self.v_bias = nn.Parameter(torch.zeros(1, 1, hidden))

    def project(self, hidden: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(tokens, hidden) -> queries, keys and values, each (tokens, hidden)."""
        bias = torch.cat((self.q_bias, torch.zeros_like(self.q_bias), self.v_bias), -1)
        joint = nn.functional.linear(hidden, self.qkv_linear.weight, bias.flatten())
        query, key, value = joint.chunk(3, 1)
        return query, key, value


class Attention(nn.Module):
    """Self-attention with added position biases (section 2.2, eq. 5 and 6), and its output."""

    def __init__(self, config: LayoutLMv2Config) -> None:
        super().__init__()
        hidden = config.hidden_size
        kind = FusedSelfAttention if config.fast_qkv else SelfAttention
        self.self = kind(hidden, config.num_attention_heads, config.attention_probs_dropout_prob)
        self.output = Residual(hidden, hidden, config.hidden_dropout_prob, config.layer_norm_eps)

    def forward(
        self, hidden: Tensor, packing: Packing, biases: list[Tensor] | None, weights: bool
    ) -> tuple[Tensor, Tensor | None]:
        """As `SelfAttention.forward`."""
        out, kept = self.self(hidden, packing, biases, weights)
        return self.output(out, hidden), kept


class Layer(nn.Module):
    """One layer of the encoder."""

    def __init__(self, config: LayoutLMv2Config) -> None:
        super().__init__()
        hidden, inner = config.hidden_size, config.intermediate_size
        self.attention = Attention(config)
        self.intermediate = FeedForward(hidden, inner, config.hidden_act)
        self.output = Residual(inner, hidden, config.hidden_dropout_prob, config.layer_norm_eps)

    def forward(
        self, hidden: Tensor, packing: Packing, biases: list[Tensor] | None, weights: bool
    ) -> tuple[Tensor, Tensor | None]:
        """As `SelfAttention.forward`."""
        hidden, kept = self.attention(hidden, packing, biases, weights)
        return self.output(self.intermediate(hidden), hidden), kept


class Encoder(nn.Module):
    """The layers, and the position biases that all of them share."""

    def __init__(self, config: LayoutLMv2Config) -> None:
        super().__init__()
        self.config = config
        heads = config.num_attention_heads
        self.layer = nn.ModuleList(Layer(config) for _ in range(config.num_hidden_layers))
        if config.has_relative_attention_bias:
            self.rel_pos_bias = nn.Linear(config.rel_pos_bins, heads, bias=False)
        if config.has_spatial_attention_bias:
            self.rel_pos_x_bias = nn.Linear(config.rel_2d_pos_bins, heads, bias=False)
            self.rel_pos_y_bias = nn.Linear(config.rel_2d_pos_bins, heads, bias=False)
        self.learn_position_biases = False
        """Whether gradients reach the position biases. The reference keeps them from it."""

    def _tables(self, reach: int) -> list[Tensor]:
        """For position, x and y: the bias (2 * reach + 1, heads) of each distance -reach..reach."""
        config = self.config
        tables = []
        if config.has_relative_attention_bias:
            tables.append((self.rel_pos_bias, config.rel_pos_bins, config.max_rel_pos))
        if config.has_spatial_attention_bias:
            size, most = config.rel_2d_pos_bins, config.max_rel_2d_pos
            tables += [(self.rel_pos_x_bias, size, most), (self.rel_pos_y_bias, size, most)]
        return [
            linear.weight.t()[_buckets(reach, size, most).to(linear.weight.device)]
            for linear, size, most in tables
        ]

    def biases(
        self, packing: Packing, positions: Tensor, bbox: Tensor, keys: Tensor | None
    ) -> list[Tensor] | None:
        """What `attend` adds to its scores; `positions` (tokens,), `bbox` (tokens, 4) and `keys`
        (tokens,), whether a token may be attended to, are packed.
        """
        biases = self._position_biases(packing, positions, bbox)
        if keys is None:
            return biases
        return close_keys(biases, keys, packing, next(self.parameters()).dtype)

    def _position_biases(
        self, packing: Packing, positions: Tensor, bbox: Tensor
    ) -> list[Tensor] | None:
        config = self.config
        reach = max(config.max_position_embeddings, config.max_2d_position_embeddings)
        with torch.set_grad_enabled(torch.is_grad_enabled() and self.learn_position_biases):
            tables = self._tables(reach)
            columns = []
            if config.has_relative_attention_bias:
                columns.append(positions)
            if config.has_spatial_attention_bias:
                columns += [bbox[:, 0], bbox[:, 3]]
            if not columns:
                return None
            places = torch.stack(columns, 1)
            if packing.by_sequence:
                return [_bias(rows, tables, reach) for rows in places.split(packing.lengths)]
            rows = packing.dense
            bias = _bias(rows.pad(places), tables, reach)
            return [bias.masked_fill(~rows.mask[:, None, None, :], -torch.inf)]

    def forward(
        self,
        hidden: Tensor,
        packing: Packing,
        positions: Tensor,
        bbox: Tensor,
        keys: Tensor | None = None,
        hidden_states: list[Tensor] | None = None,
        attentions: list[Tensor] | None = None,
    ) -> Tensor:
        """(tokens, hidden) -> the same; the lists, where given, receive the layers' traces."""
        biases = self.biases(packing, positions, bbox, keys)
        for layer in self.layer:
            if hidden_states is not None:
                hidden_states.append(packing.pad(hidden))
            hidden, weights = layer(hidden, packing, biases, attentions is not None)
            if attentions is not None:
                attentions.append(weights)
        if hidden_states is not None:
            hidden_states.append(packing.pad(hidden))
        return hidden


@lru_cache(maxsize=16)
def _buckets(reach: int, size: int, most: int) -> Tensor:
    # Kept for later calls: what inference mode makes, no training may use.
    with torch.inference_mode(False):
        return relative_position_bucket(torch.arange(-reach, reach + 1), size, most)


def _bias(places: Tensor, tables: list[Tensor], reach: int) -> Tensor:
    """(..., n, kinds) places and one table a kind -> (..., heads, n, n)."""
    total: Tensor | None = None
    for kind, table in enumerate(tables):
        column = places[..., kind]
        distance = column[..., None, :] - column[..., :, None] + reach
        values = table.t()[:, distance]
        total = values if total is None else total + values
    assert total is not None
    # Indexing puts the heads first; a batch goes before them.
    return total if places.dim() == 2 else total.transpose(0, 1)


class LayoutLMv2Pretrained(PretrainedModel[LayoutLMv2Config]):
    """What LayoutLMv2 and its heads share: checkpoint keys and initial values."""

    config_class = LayoutLMv2Config
    base_prefix: ClassVar[str] = "layoutlmv2"

    @classmethod
    def checkpoint_key(cls, name: str) -> str:
        """Only the backbone is named otherwise in a checkpoint than here."""
        before, visual, rest = name.partition("visual.")
        if not visual or before not in ("", cls.base_prefix + "."):
            return name
        return before + visual + visual_checkpoint_key(rest)

    def initialise(self, module: nn.Module, names: set[str]) -> None:
        """Initial values as the reference's: convolutions as He et al. 2015, the rest as BERT."""
        for name in names:
            tensor = getattr(module, name)
            if name == "visual_segment_embedding":
                tensor.normal_(0.0, self.config.initializer_range)
            elif isinstance(module, nn.Conv2d) and name == "weight":
                if module.bias is None:
                    nn.init.kaiming_normal_(tensor, mode="fan_out", nonlinearity="relu")
                else:
                    nn.init.kaiming_uniform_(tensor, a=1)
            elif hasattr(module, "running_var") and name in ("weight", "running_var"):
                tensor.fill_(1.0)
            else:
                initialise_layer(module, {name}, self.config.initializer_range)


class LayoutLMv2Model(LayoutLMv2Pretrained):
    """The encoder without a head."""

    def __init__(self, config: LayoutLMv2Config) -> None:
        super().__init__(config)
        hidden = config.hidden_size
        self.embeddings = Embeddings(config)
        self.visual = VisualBackbone(config)
        self.visual_proj = nn.Linear(self.visual.settings.fpn_channels, hidden)
        if config.has_visual_segment_embedding:
            self.visual_segment_embedding = nn.Parameter(torch.zeros(hidden))
        self.visual_LayerNorm = nn.LayerNorm(hidden, eps=config.layer_norm_eps)
        self.visual_dropout = nn.Dropout(config.hidden_dropout_prob)
        self.encoder = Encoder(config)
        self.pooler = Pooler(hidden)

    def visual_boxes(self, device: torch.device) -> Tensor:
        """The cells of the pooled page picture as boxes: (visual tokens, 4), 0-1000, by rows."""
        rows, columns = self.config.image_feature_pool_shape[:2]
        y = torch.arange(rows + 1, device=device) * 1000 // rows
        x = torch.arange(columns + 1, device=device) * 1000 // columns
        top, left = torch.meshgrid(y[:-1], x[:-1], indexing="ij")
        bottom, right = torch.meshgrid(y[1:], x[1:], indexing="ij")
        return torch.stack((left, top, right, bottom), -1).flatten(0, 1)

    def embed_image(self, image: Tensor | None, image_features: Tensor | None = None) -> Tensor:
        """Visual embeddings (batch, visual tokens, hidden) of page pictures or of their features.

        `image` (batch, 3, height, width), BGR, 0-255; `image_features` is what `self.visual` made
        of it, for callers who need a page several times.
        """
        if image_features is None:
            if image is None:
                raise ValueError("give the page pictures: image, or image_features")
            image_features = self.visual(getattr(image, "tensor", image))
        device = image_features.device
        positions = torch.arange(self.config.visual_tokens, device=device)
        out = (
            self.visual_proj(image_features)
            + self.embeddings.position_embeddings(positions)
            + self.embeddings.boxes(self.visual_boxes(device))
        )
        if self.config.has_visual_segment_embedding:
            out = out + self.visual_segment_embedding
        return self.visual_dropout(self.visual_LayerNorm(out))  # type: ignore[no-any-return]

    def forward(
        self,
        input_ids: Tensor | None = None,
        bbox: Tensor | None = None,
        image: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        *,
        image_features: Tensor | None = None,
        visual_embeds: Tensor | None = None,
        output_hidden_states: bool = False,
        output_attentions: bool = False,
        keep_padding: bool = False,
    ) -> BaseOutput:
        """Encode a batch of windows.

        Args:
            input_ids: int64 (batch, length).
            bbox: int64 (batch, length, 4): x0, y0, x1, y1 on 0-1000; zeros by default.
            image: (batch, 3, 224, 224), BGR, 0-255, of any number type.
            attention_mask: (batch, length), 0 at padding; ones by default.
            token_type_ids: int64 (batch, length); zeros by default.
            position_ids: int64 (batch, length); 0, 1, 2, ... by default.
            inputs_embeds: (batch, length, hidden) in place of `input_ids`.
            image_features, visual_embeds: the page pictures, already through `self.visual` or
                `self.embed_image`; in place of `image`.
            output_hidden_states, output_attentions: return these as well.
            keep_padding: encode padding too (nothing attends to it), as the reference does, for
                a loss that runs over it.

        The result's length is the text's plus the visual tokens. Raises `ValueError` if inputs are
        missing or a box lies outside of 0 to `max_2d_position_embeddings - 1`.
        """
        if (input_ids is None) == (inputs_embeds is None):
            raise ValueError("give either input_ids or inputs_embeds")
        given = input_ids if input_ids is not None else inputs_embeds
        assert given is not None
        batch, length = given.shape[:2]
        device, config = given.device, self.config
        if length > config.max_position_embeddings and position_ids is None:
            raise ValueError(
                f"{length} tokens in a window, and the model has positions for "
                f"{config.max_position_embeddings}; cut the text into windows"
            )
        if attention_mask is None:
            attention_mask = torch.ones(batch, length, device=device)
        visual_mask = torch.ones(batch, config.visual_tokens, dtype=torch.bool, device=device)
        keys: Tensor | None = None
        if keep_padding and not bool(attention_mask.all()):
            keys = torch.cat((attention_mask.bool(), visual_mask), 1).flatten()
            attention_mask = torch.ones_like(attention_mask)
        packing = Packing.from_mask(torch.cat((attention_mask.bool(), visual_mask), 1))
        text = Packing.from_mask(attention_mask)
        columns = torch.arange(length, device=device).expand(batch, length)
        positions = text.pack(columns if position_ids is None else position_ids.expand_as(columns))
        if bbox is None:
            boxes = torch.zeros(len(positions), 4, dtype=torch.long, device=device)
        else:
            boxes = text.pack(bbox)
            check_boxes(boxes, config.max_2d_position_embeddings - 1)
        if token_type_ids is None:
            segments = torch.zeros_like(positions)
        else:
            segments = text.pack(token_type_ids)
        if input_ids is not None:
            words = self.embeddings.word_embeddings(text.pack(input_ids))
        else:
            assert inputs_embeds is not None
            words = text.pack(inputs_embeds)

        if visual_embeds is None:
            visual_embeds = self.embed_image(image, image_features)
        text_embeds = self.embeddings(words, boxes, positions, segments)
        # Text tokens of all windows stand before the visual ones here; `order` interleaves them.
        order = _order(text.lengths, config.visual_tokens, device)
        hidden = torch.cat((text_embeds, visual_embeds.flatten(0, 1))).index_select(0, order)
        visual_boxes = self.visual_boxes(device).repeat(batch, 1)
        visual_positions = torch.arange(config.visual_tokens, device=device).repeat(batch)
        hidden_states: list[Tensor] | None = [] if output_hidden_states else None
        attentions: list[Tensor] | None = [] if output_attentions else None
        hidden = self.encoder(
            hidden,
            packing,
            torch.cat((positions, visual_positions))[order],
            torch.cat((boxes, visual_boxes))[order],
            keys,
            hidden_states,
            attentions,
        )
        last = packing.pad(hidden)
        return BaseOutput(
            last_hidden_state=last,
            pooler_output=self.pooler(last[:, 0]),
            hidden_states=None if hidden_states is None else tuple(hidden_states),
            attentions=None if attentions is None else tuple(attentions),
        )


def _order(lengths: tuple[int, ...], visual: int, device: torch.device) -> Tensor:
    """Where each token of the interleaved batch stands among all text, then all visual tokens."""
    total, start, parts = sum(lengths), 0, []
    for number, length in enumerate(lengths):
        parts.append(torch.arange(start, start + length))
        parts.append(torch.arange(visual) + total + number * visual)
        start += length
    order = torch.cat(parts) if parts else torch.zeros(0, dtype=torch.long)
    return order.to(device)
