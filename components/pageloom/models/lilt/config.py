"""The settings of LiLT."""

from __future__ import annotations

from typing import ClassVar, Self

from pydantic import model_validator

from pageloom.models.config import ModelConfig

__all__ = ["LiltConfig"]


class LiltConfig(ModelConfig):
    """The settings of a LiLT model; the defaults are the reference's, of the base size.

    The layout flow is `channel_shrink_ratio` times narrower than the text flow. Positions count
    from `pad_token_id + 1`, as in RoBERTa, so a window has room for `max_window` tokens.
    `classifier_dropout` is `hidden_dropout_prob` where it is `None`.
    """

    model_type: ClassVar[str] = "lilt"

    vocab_size: int = 30522
    hidden_size: int = 768
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    intermediate_size: int = 3072
    hidden_act: str = "gelu"
    hidden_dropout_prob: float = 0.1
    attention_probs_dropout_prob: float = 0.1
    max_position_embeddings: int = 512
    type_vocab_size: int = 2
    initializer_range: float = 0.02
    layer_norm_eps: float = 1e-12
    pad_token_id: int = 0
    bos_token_id: int | None = None
    eos_token_id: int | list[int] | None = None
    classifier_dropout: float | None = None
    channel_shrink_ratio: int = 4
    max_2d_position_embeddings: int = 1024

    @model_validator(mode="after")
    def _check_sizes(self) -> Self:
        hidden, heads, ratio = (
            self.hidden_size,
            self.num_attention_heads,
            self.channel_shrink_ratio,
        )
        if hidden % (heads * ratio):
            raise ValueError(
                f"hidden_size {hidden} is not a multiple of num_attention_heads {heads} times "
                f"channel_shrink_ratio {ratio}"
            )
        if hidden % 6:
            raise ValueError(
                f"hidden_size {hidden} is not a multiple of 6, the parts of a box's embedding"
            )
        return self

    @property
    def max_window(self) -> int:
        """The longest sequence that has positions, special tokens included."""
        return self.max_position_embeddings - self.pad_token_id - 1
