"""LiLT (Wang et al. 2022): a text flow and a narrow layout flow that share their attention."""

from __future__ import annotations

import math
import re
from typing import ClassVar

import torch
from torch import Tensor, nn

from pageloom.models.attention import (
    Packing,
    SelfAttention,
    attend,
    attention_weights,
    close_keys,
)
from pageloom.models.boxes import BoxEmbeddings, check_boxes
from pageloom.models.layers import FeedForward, Pooler, Residual, TextEmbeddings, initialise_layer
from pageloom.models.lilt.config import LiltConfig
from pageloom.models.outputs import BaseOutput
from pageloom.models.pretrained import PretrainedModel

__all__ = ["LiltModel", "LiltPretrained"]


class LayoutEmbeddings(BoxEmbeddings):
    """Boxes, made narrow, with positions of their own (section 2.1)."""

    def __init__(self, config: LiltConfig) -> None:
        part = config.hidden_size // 6
        super().__init__(config.max_2d_position_embeddings, part, part)
        width = config.hidden_size // config.channel_shrink_ratio
        self.box_position_embeddings = nn.Embedding(
            config.max_position_embeddings, width, padding_idx=config.pad_token_id
        )
        self.box_linear_embeddings = nn.Linear(config.hidden_size, width)
        self.LayerNorm = nn.LayerNorm(width, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, bbox: Tensor, positions: Tensor) -> Tensor:
        """(tokens, 4) and (tokens,) -> (tokens, hidden / ratio)."""
        narrow = self.box_linear_embeddings(self.boxes(bbox))
        out: Tensor = self.dropout(self.LayerNorm(narrow + self.box_position_embeddings(positions)))
        return out


class Flow(nn.Module):
    """One flow's share of a layer: its projections and what follows the attention."""

    def __init__(self, config: LiltConfig, ratio: int) -> None:
        super().__init__()
        hidden, inner = config.hidden_size // ratio, config.intermediate_size // ratio
        dropout, eps = config.hidden_dropout_prob, config.layer_norm_eps
        self.self = SelfAttention(
            hidden, config.num_attention_heads, config.attention_probs_dropout_prob
        )
        self.attended = Residual(hidden, hidden, dropout, eps)
        self.intermediate = FeedForward(hidden, inner, config.hidden_act)
        self.output = Residual(inner, hidden, dropout, eps)

    def project(self, hidden: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(tokens, hidden) -> queries, scaled by 1 / sqrt(size), keys and values, each (tokens,
        heads, size).
        """
        heads = self.self.heads
        query, key, value = (x.unflatten(1, (heads, -1)) for x in self.self.project(hidden))
        return query / math.sqrt(query.shape[-1]), key, value

    def forward(self, context: Tensor, hidden: Tensor) -> Tensor:
        """What attention gave, and the flow before it, (tokens, hidden) -> the flow after it."""
        hidden = self.attended(context, hidden)
        out: Tensor = self.output(self.intermediate(hidden), hidden)
        return out


class Layer(nn.Module):
    """One layer: both flows, whose attention scores are added (section 2.1, BiACM).

    A sum of two dot products is the dot product of the concatenated vectors, so one attention
    serves both flows. In training, dropout drops the same weights in both; the reference draws anew
    for each flow. In pre-training, the paper stops the layout flow's gradient at the text scores;
    as in the reference, it passes here.
    """

    def __init__(self, config: LiltConfig) -> None:
        super().__init__()
        self.text = Flow(config, 1)
        self.layout = Flow(config, config.channel_shrink_ratio)

    def forward(
        self,
        text: Tensor,
        layout: Tensor,
        packing: Packing,
        biases: list[Tensor] | None,
        weights: bool,
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """(tokens, hidden) and (tokens, hidden / ratio) -> the same; with `weights`, also those of
        `attention_weights`.
        """
        pairs = zip(self.text.project(text), self.layout.project(layout), strict=True)
        query, key, value = (torch.cat(pair, -1) for pair in pairs)
        dropout = self.text.self.dropout if self.training else 0.0
        context = attend(query, key, value, packing, biases, dropout, scale=1.0)
        own = text.shape[1] // self.text.self.heads
        by_head = context.unflatten(1, (self.text.self.heads, -1))
        kept = attention_weights(query, key, packing, biases, scale=1.0) if weights else None
        text = self.text(by_head[..., :own].flatten(1), text)
        layout = self.layout(by_head[..., own:].flatten(1), layout)
        return text, layout, kept


class Encoder(nn.Module):
    """The layers."""

    def __init__(self, config: LiltConfig) -> None:
        super().__init__()
        self.layer = nn.ModuleList(Layer(config) for _ in range(config.num_hidden_layers))

    def forward(
        self,
        text: Tensor,
        layout: Tensor,
        packing: Packing,
        biases: list[Tensor] | None,
        hidden_states: list[Tensor] | None = None,
        attentions: list[Tensor] | None = None,
    ) -> Tensor:
        """Both flows -> the text flow; the lists, where given, receive the layers' traces."""
        for layer in self.layer:
            if hidden_states is not None:
                hidden_states.append(packing.pad(text))
            text, layout, weights = layer(text, layout, packing, biases, attentions is not None)
            if attentions is not None:
                attentions.append(weights)
        if hidden_states is not None:
            hidden_states.append(packing.pad(text))
        return text


# Our names in a layer -> a checkpoint's.
_KEYS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(rf"(?<=encoder\.layer\.)(\d+)\.{ours}\."), rf"\1.{theirs}")
    for ours, theirs in (
        (r"text\.self", "attention.self."),
        (r"text\.attended", "attention.output."),
        (r"text\.(intermediate|output)", r"\2."),
        (r"layout\.self", "attention.self.layout_"),
        (r"layout\.attended", "attention.layout_output."),
        (r"layout\.(intermediate|output)", r"layout_\2."),
    )
)


class LiltPretrained(PretrainedModel[LiltConfig]):
    """What LiLT and its heads share: checkpoint keys and initial values."""

    config_class = LiltConfig
    base_prefix: ClassVar[str] = "lilt"

    @classmethod
    def checkpoint_key(cls, name: str) -> str:
        """A checkpoint names the layout flow's parameters beside the text flow's."""
        for pattern, theirs in _KEYS:
            key, found = pattern.subn(theirs, name)
            if found:
                return key
        return name

    def initialise(self, module: nn.Module, names: set[str]) -> None:
        """Initial values as the reference's, which are BERT's."""
        initialise_layer(module, names, self.config.initializer_range)


class LiltModel(LiltPretrained):
    """The encoder without a head."""

    def __init__(self, config: LiltConfig, add_pooling_layer: bool = True) -> None:
        super().__init__(config)
        self.embeddings = TextEmbeddings(
            config.vocab_size,
            config.max_position_embeddings,
            config.type_vocab_size,
            config.hidden_size,
            config.hidden_dropout_prob,
            config.layer_norm_eps,
            pad_id=config.pad_token_id,
            pad_position=config.pad_token_id,
        )
        self.layout_embeddings = LayoutEmbeddings(config)
        self.encoder = Encoder(config)
        self.pooler = Pooler(config.hidden_size) if add_pooling_layer else None

    def forward(
        self,
        input_ids: Tensor | None = None,
        bbox: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        *,
        output_hidden_states: bool = False,
        output_attentions: bool = False,
        keep_padding: bool = False,
    ) -> BaseOutput:
        """Encode a batch of windows.

        Args:
            input_ids: int64 (batch, length).
            bbox: int64 (batch, length, 4): x0, y0, x1, y1 on 0-1000; zeros by default.
            attention_mask: (batch, length), 0 at padding; ones by default.
            token_type_ids: int64 (batch, length); zeros by default.
            position_ids: int64 (batch, length); by default `pad_token_id` where that is the token,
                and elsewhere counted from the number after it.
            inputs_embeds: (batch, length, hidden) in place of `input_ids`; positions are then
                counted through.
            output_hidden_states, output_attentions: return these as well, of the text flow.
            keep_padding: encode padding too (nothing attends to it), as the reference does, for
                a loss that runs over it.

        Raises `ValueError` if inputs are missing, a window is longer than there are positions, or a
        box lies outside of 0 to `max_2d_position_embeddings - 1`.
        """
        if (input_ids is None) == (inputs_embeds is None):
            raise ValueError("give either input_ids or inputs_embeds")
        given = input_ids if input_ids is not None else inputs_embeds
        assert given is not None
        batch, length = given.shape[:2]
        device, config = given.device, self.config
        if attention_mask is None:
            attention_mask = torch.ones(batch, length, device=device)
        biases: list[Tensor] | None = None
        if keep_padding and not bool(attention_mask.all()):
            packing = Packing.from_mask(torch.ones_like(attention_mask))
            open_keys = packing.pack(attention_mask.bool())
            biases = close_keys(None, open_keys, packing, self.dtype)
        else:
            packing = Packing.from_mask(attention_mask)
        positions = self._positions(input_ids, position_ids, batch, length, packing)
        if bbox is None:
            boxes = torch.zeros(len(positions), 4, dtype=torch.long, device=device)
        else:
            boxes = packing.pack(bbox)
            check_boxes(boxes, config.max_2d_position_embeddings - 1)
        if token_type_ids is None:
            segments = torch.zeros_like(positions)
        else:
            segments = packing.pack(token_type_ids)
        if input_ids is not None:
            words = self.embeddings.word_embeddings(packing.pack(input_ids))
        else:
            assert inputs_embeds is not None
            words = packing.pack(inputs_embeds)

        hidden_states: list[Tensor] | None = [] if output_hidden_states else None
        attentions: list[Tensor] | None = [] if output_attentions else None
        hidden = self.encoder(
            self.embeddings(words, positions, segments),
            self.layout_embeddings(boxes, positions),
            packing,
            biases,
            hidden_states,
            attentions,
        )
        last = packing.pad(hidden)
        return BaseOutput(
            last_hidden_state=last,
            pooler_output=None if self.pooler is None else self.pooler(last[:, 0]),
            hidden_states=None if hidden_states is None else tuple(hidden_states),
            attentions=None if attentions is None else tuple(attentions),
        )

    def _positions(
        self,
        input_ids: Tensor | None,
        position_ids: Tensor | None,
        batch: int,
        length: int,
        packing: Packing,
    ) -> Tensor:
        pad = self.config.pad_token_id
        if position_ids is None:
            if input_ids is None:
                count = torch.arange(1, length + 1, device=packing.mask.device)
            else:
                token = input_ids != pad
                count = token.cumsum(1) * token
            position_ids = count + pad
        positions = packing.pack(position_ids.expand(batch, length))
        most = int(positions.max()) if len(positions) else 0
        if most >= self.config.max_position_embeddings:
            raise ValueError(
                f"a window reaches position {most - pad} of the {self.config.max_window} that the "
                "model has; cut the text into windows"
            )
        return positions
