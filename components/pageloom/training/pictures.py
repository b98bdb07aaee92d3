"""Pages' features for many batches of a step: each page goes through the model's eyes once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from pageloom.training.learner import Learner
from pageloom.training.processes import all_sum, processes

__all__ = ["PageFeatures", "Pixels"]

Pixels = npt.NDArray[np.uint8]

_NONE = (0, 3, 64, 64)

# Seen with torch 2.15 on the CPU: with 4 channels, oneDNN's gradients of pictures whose channels
# lie last overwrite memory that is not theirs; with 16 they do not.
_FEW_CHANNELS = 16


class PageFeatures:
    """Features of pictures, of which the same array is encoded once.

    Where several processes train, all of them must make one at the same time and call `learn`:
    a process without pictures takes part for the sake of the shared batch norms.

    Args:
        learner: of a model that sees pages.
        pictures: uint8 (3, height, width), BGR, of one size; one may come more than once.
    """

    def __init__(self, learner: Learner, pictures: Sequence[Pixels]) -> None:
        self._places: dict[int, int] = {}
        unique: list[Pixels] = []
        for pixels in pictures:
            if self._places.setdefault(id(pixels), len(unique)) == len(unique):
                unique.append(pixels)
        self._features: Tensor | None = None
        self._given: Tensor | None = None
        everywhere = len(unique)
        if processes() > 1:
            everywhere = int(all_sum(torch.tensor(len(unique), device=learner.device)))
        if not everywhere:
            return
        stacked = np.stack(unique) if unique else np.zeros(_NONE, dtype=np.uint8)
        images = torch.from_numpy(stacked).to(learner.device)
        visual = learner.base.visual
        if min(visual.settings.stem_channels, visual.settings.res2_channels) >= _FEW_CHANNELS:
            images = images.contiguous(memory_format=torch.channels_last)
        with torch.autocast(learner.device.type, learner.dtype, learner.mixed):
            self._features = visual(images)
        # The batches' gradients meet here, and go back through the pictures together.
        self._given = self._features.detach().requires_grad_()

    def of(self, pictures: Sequence[Pixels]) -> Tensor:
        """The features of some of the pictures: (pictures, cells, channels)."""
        assert self._given is not None
        places = torch.tensor([self._places[id(pixels)] for pixels in pictures])
        return self._given[places.to(self._given.device)]

    def learn(self) -> None:
        """Take the batches' gradients back through the pictures."""
        if self._features is None or self._given is None or not self._features.requires_grad:
            return
        gradient = self._given.grad
        if gradient is None and processes() == 1:
            return
        self._features.backward(torch.zeros_like(self._given) if gradient is None else gradient)
