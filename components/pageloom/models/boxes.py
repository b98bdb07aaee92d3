"""Boxes as a model's input: their embeddings, and the check of their range."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["BoxEmbeddings", "check_boxes"]


class BoxEmbeddings(nn.Module):
    """Embeddings of a box's corners, height and width, side by side (LayoutLMv2, Xu et al. 2021,
    section 2.1, eq. 3).

    `places` values from 0 are told apart; `corner` and `size` are the sizes of one coordinate's
    embedding and of a height's or width's.
    """

    def __init__(self, places: int, corner: int, size: int) -> None:
        super().__init__()
        self.x_position_embeddings = nn.Embedding(places, corner)
        self.y_position_embeddings = nn.Embedding(places, corner)
        self.h_position_embeddings = nn.Embedding(places, size)
        self.w_position_embeddings = nn.Embedding(places, size)

    def boxes(self, bbox: Tensor) -> Tensor:
        """(..., 4) ints -> (..., 4 * corner + 2 * size)."""
        x0, y0, x1, y1 = bbox.unbind(-1)
        return torch.cat(
            (
                self.x_position_embeddings(x0),
                self.y_position_embeddings(y0),
                self.x_position_embeddings(x1),
                self.y_position_embeddings(y1),
                self.h_position_embeddings(y1 - y0),
                self.w_position_embeddings(x1 - x0),
            ),
            -1,
        )


def check_boxes(boxes: Tensor, most: int) -> None:
    """Raise `ValueError` unless 0 <= x0 <= x1 <= most and the same of y; `boxes` (n, 4) ints."""
    if not len(boxes):
        return
    low, high = boxes.aminmax()
    sizes = (boxes[:, 2:] - boxes[:, :2]).amin()
    if int(low) < 0 or int(high) > most or int(sizes) < 0:
        raise ValueError(
            f"boxes must have 0 <= x0 <= x1 <= {most} and 0 <= y0 <= y1 <= {most} "
            f"(normalised to 0-1000); found values from {int(low)} to {int(high)}"
            + (" and a box whose corners are swapped" if int(sizes) < 0 else "")
        )
