"""Residual blocks, and batch norm with fixed statistics: what visual backbones are made of.

torchvision has both; importing it took nearly half of the time in which a task loads such a model,
since it brings torch's compiler along. Sources: He et al. 2016 (sections 3.3 and 3.4), Xie
et al. 2017 (groups), Ioffe and Szegedy 2015 (equation 4).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["FrozenBatchNorm2d", "ResidualBlock"]


class FrozenBatchNorm2d(nn.Module):
    """Batch norm whose statistics and factors are constants: buffers, not parameters.

    (batch, channels, height, width) to the same.
    """

    weight: Tensor
    bias: Tensor
    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        for name, value in (("weight", 1), ("bias", 0), ("running_mean", 0), ("running_var", 1)):
            self.register_buffer(name, torch.full((channels,), float(value)))

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) to the same shape."""
        return F.batch_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
        )


class ResidualBlock(nn.Module):
    """Convolutions `conv1` to `conv{n}`, each with its norm `bn1` to `bn{n}`, around which the
    input goes unchanged, or through `downsample` where the shapes differ.

    (batch, channels, height, width) to (batch, channels of the last convolution, and height and
    width divided by the convolutions' strides).

    Args:
        channels: of the input.
        convs: of each convolution its channels, size (odd) and stride.
        groups: of the convolutions that are larger than 1 x 1.
        norm: makes a norm for so many channels.
    """

    def __init__(
        self,
        channels: int,
        convs: Sequence[tuple[int, int, int]],
        groups: int,
        norm: Callable[[int], nn.Module],
    ) -> None:
        super().__init__()
        self.depth = len(convs)
        inputs, strides = channels, 1
        for number, (width, size, stride) in enumerate(convs, start=1):
            conv = nn.Conv2d(
                inputs,
                width,
                size,
                stride,
                padding=size // 2,
                groups=groups if size > 1 else 1,
                bias=False,
            )
            self.add_module(f"conv{number}", conv)
            self.add_module(f"bn{number}", norm(width))
            inputs, strides = width, strides * stride
        self.downsample: nn.Sequential | None = None
        if inputs != channels or strides != 1:
            self.downsample = nn.Sequential(
                nn.Conv2d(channels, inputs, 1, strides, bias=False), norm(inputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        """The sum of both ways, see the class, after a last rectifier."""
        around = x if self.downsample is None else self.downsample(x)
        for number in range(1, self.depth + 1):
            x = self.get_submodule(f"bn{number}")(self.get_submodule(f"conv{number}")(x))
            if number < self.depth:
                x = F.relu_(x)
        return F.relu_(x.add_(around))
