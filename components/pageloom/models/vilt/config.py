"""The settings of ViLT."""

from __future__ import annotations

from typing import ClassVar, Self

from pydantic import model_validator

from pageloom.models.config import ModelConfig

__all__ = ["ViltConfig"]

Size = int | list[int] | tuple[int, ...]


class ViltConfig(ModelConfig):
    """The settings of a ViLT model; the defaults are those of the base size (ViLT-B/32).

    `image_size` and `patch_size` are pixels, one number or (height, width): `image_size` says for
    which grid of patches position embeddings are learned, images may have any size.
    `max_image_length`: the most patches of an image that are encoded, -1 for all.
    `num_images`: the images an example of `ViltForImagesAndTextClassification` has.
    """

    model_type: ClassVar[str] = "vilt"

    vocab_size: int = 30522
    type_vocab_size: int = 2
    modality_type_vocab_size: int = 2
    max_position_embeddings: int = 40
    hidden_size: int = 768
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    intermediate_size: int = 3072
    hidden_act: str = "gelu"
    hidden_dropout_prob: float = 0.0
    attention_probs_dropout_prob: float = 0.0
    initializer_range: float = 0.02
    layer_norm_eps: float = 1e-12
    image_size: Size = 384
    patch_size: Size = 32
    num_channels: int = 3
    qkv_bias: bool = True
    max_image_length: int | None = -1
    num_images: int = -1
    pad_token_id: int | None = None

    @model_validator(mode="after")
    def _check_sizes(self) -> Self:
        for name in ("image_size", "patch_size"):
            size = getattr(self, name)
            if len(_pair(size)) != 2 or min(_pair(size)) < 1:
                raise ValueError(f"{name} is {size}; it is one number of pixels, or two")
        if min(self.position_grid) < 1:
            raise ValueError(
                f"image_size {self.image_size} is smaller than patch_size {self.patch_size}"
            )
        if self.max_image_length == 0:
            raise ValueError("max_image_length is 0; it is a number of patches from 1, or -1")
        return self

    @property
    def patch_shape(self) -> tuple[int, int]:
        """A patch's height and width in pixels."""
        height, width = _pair(self.patch_size)
        return height, width

    @property
    def position_grid(self) -> tuple[int, int]:
        """The rows and columns of patches for which position embeddings are learned."""
        height, width = _pair(self.image_size)
        return height // self.patch_shape[0], width // self.patch_shape[1]


def _pair(size: Size) -> tuple[int, ...]:
    return (size, size) if isinstance(size, int) else tuple(size)
