"""ViLT's embeddings: words as in BERT, image patches through one linear layer (section 3.1)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pageloom.models.attention import Packing
from pageloom.models.layers import TextEmbeddings
from pageloom.models.vilt.config import ViltConfig

__all__ = ["Embeddings", "patch_mask", "spread"]

# The inverse powers of the plastic number: in steps of these, every stretch of a sequence in two
# dimensions is spread evenly (Roberts 2018, "The unreasonable effectiveness of quasirandom
# sequences").
STEPS = (0.7548776662466927, 0.5698402909980532)


def patch_mask(pixel_mask: Tensor, rows: int, columns: int) -> Tensor:
    """(batch, height, width), non-zero at pixels of the image -> bool (batch, rows, columns).

    A patch counts if its first pixel does. Raises `ValueError` unless an image's patches are a
    rectangle in the upper left corner: only such a one has positions.
    """
    mask = F.interpolate(pixel_mask[:, None].float(), size=(rows, columns))[:, 0].long().bool()
    heights, widths = mask[:, :, 0].sum(1), mask[:, 0].sum(1)
    places = torch.arange(max(rows, columns), device=mask.device)
    down, across = (places[:n] < most[:, None] for n, most in ((rows, heights), (columns, widths)))
    wrong = (mask != (down[:, :, None] & across[:, None])).flatten(1).any(1) | (heights == 0)
    if bool(wrong.any()):
        number = int(wrong.nonzero()[0, 0])
        raise ValueError(
            f"the pixel_mask of image {number} is not a rectangle of ones that starts in the upper "
            "left corner; pad images at the right and at the bottom"
        )
    return mask


def spread(mask: Tensor, most: int) -> Tensor:
    """Of the true places of each (rows, columns) grid, keep `most` that cover it evenly.

    `mask` bool (batch, rows, columns) -> the same. Which places are kept depends on the grid alone,
    so an image gives the same result each time and in each batch; fewer kept are a part of more.
    """
    rows, columns = mask.shape[1:]
    down = torch.arange(rows, dtype=torch.float64, device=mask.device)[:, None] * STEPS[0]
    across = torch.arange(columns, dtype=torch.float64, device=mask.device) * STEPS[1]
    order = ((down + across) % 1).flatten().masked_fill(~mask.flatten(1), 2.0).argsort(stable=True)
    first = torch.zeros_like(mask.flatten(1)).scatter(1, order[:, :most], True)
    return first.view_as(mask) & mask


class PatchEmbeddings(nn.Module):
    """The linear projection of image patches."""

    def __init__(self, config: ViltConfig) -> None:
        super().__init__()
        self.shape = config.patch_shape
        # A convolution by name and by the shape of its weight only: patches do not overlap, so it
        # is one matrix product, and it needs to run over the patches alone that are encoded.
        self.projection = nn.Conv2d(
            config.num_channels, config.hidden_size, self.shape, stride=self.shape
        )

    def grid(self, pixel_values: Tensor) -> Tensor:
        """(batch, channels, height, width) -> a view (batch, rows, columns, channels, y, x).

        What is left over at the right and at the bottom is dropped. Raises `ValueError`.
        """
        channels, (height, width) = self.projection.in_channels, self.shape
        if pixel_values.dim() != 4 or pixel_values.shape[1] != channels:
            raise ValueError(
                f"pixel_values have the shape {tuple(pixel_values.shape)}, and the model reads "
                f"(batch, {channels}, height, width)"
            )
        if pixel_values.shape[2] < height or pixel_values.shape[3] < width:
            raise ValueError(
                f"images of {pixel_values.shape[3]} x {pixel_values.shape[2]} pixels are smaller "
                f"than one patch of {width} x {height}; ViltImageProcessor enlarges them"
            )
        patches = pixel_values.unfold(2, height, height).unfold(3, width, width)
        return patches.permute(0, 2, 3, 1, 4, 5)

    def forward(self, patches: Tensor) -> Tensor:
        """(patches, channels, y, x) -> (patches, hidden)."""
        weight = self.projection.weight.flatten(1)
        return F.linear(patches.flatten(1).to(weight.dtype), weight, self.projection.bias)


class Embeddings(nn.Module):
    """Text and image embeddings, and those of the two modalities."""

    def __init__(self, config: ViltConfig) -> None:
        super().__init__()
        hidden, dropout = config.hidden_size, config.hidden_dropout_prob
        rows, columns = self.position_grid = config.position_grid
        self.most_patches = config.max_image_length
        self.text_embeddings = TextEmbeddings(
            config.vocab_size,
            config.max_position_embeddings,
            config.type_vocab_size,
            hidden,
            dropout,
            config.layer_norm_eps,
            pad_id=config.pad_token_id,
        )
        self.cls_token = nn.Parameter(torch.zeros(1, 1, hidden))
        self.patch_embeddings = PatchEmbeddings(config)
        self.position_embeddings = nn.Parameter(torch.zeros(1, rows * columns + 1, hidden))
        self.token_type_embeddings = nn.Embedding(config.modality_type_vocab_size, hidden)
        self.dropout = nn.Dropout(dropout)

    def positions(self, rows: int, columns: int) -> Tensor:
        """The learned positions, stretched to a grid: (rows * columns, hidden), by rows."""
        learned = self.position_embeddings[0, 1:]
        if (rows, columns) == self.position_grid:
            return learned
        plane = learned.t().unflatten(1, self.position_grid)[None].float()
        plane = F.interpolate(plane, size=(rows, columns), mode="bilinear", align_corners=True)
        return plane[0].flatten(1).t().to(learned.dtype)

    def images(self, pixel_values: Tensor, pixel_mask: Tensor | None) -> tuple[Tensor, Packing]:
        """Images as tokens, without their modality.

        `pixel_values` (batch, channels, height, width); `pixel_mask` (batch, height, width), ones
        by default. Returns (batch, 1 + most patches of an image, hidden), each image a first token
        of its own and then its patches by rows, and which places these take.
        """
        grid = self.patch_embeddings.grid(pixel_values)
        batch, rows, columns = grid.shape[:3]
        if pixel_mask is None:
            mask = torch.ones(batch, rows, columns, dtype=torch.bool, device=grid.device)
        else:
            if len(pixel_mask) != batch or pixel_mask.dim() != 3:
                raise ValueError(
                    f"pixel_mask has the shape {tuple(pixel_mask.shape)}, and there are {batch} "
                    "images: give (batch, height, width)"
                )
            mask = patch_mask(pixel_mask, rows, columns)
        sizes = torch.stack((mask[:, :, 0].sum(1), mask[:, 0].sum(1)), 1).tolist()
        tables = {size: self.positions(*size) for size in {(h, w) for h, w in sizes}}
        positions = torch.cat([tables[h, w] for h, w in sizes])
        most = self.most_patches
        if most is not None and 0 < most < max(h * w for h, w in sizes):
            kept = spread(mask, most)
            positions, mask = positions[kept[mask]], kept
        patches = self.patch_embeddings(grid[mask]) + positions
        first = self.cls_token[0] + self.position_embeddings[:, 0]

        lengths = mask.flatten(1).sum(1)
        width = torch.arange(1 + int(lengths.max()), device=mask.device)
        packing = Packing.from_mask(width <= lengths[:, None])
        rest = Packing.from_mask(packing.mask[:, 1:])
        tokens = torch.cat((first.expand(batch, 1, -1), rest.pad(patches)), 1)
        return self.dropout(tokens), packing
