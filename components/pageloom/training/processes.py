"""Several processes that train one model: what they say to each other, and shared batch norms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

__all__ = [
    "SharedBatchNorm",
    "all_sum",
    "from_first",
    "own_share",
    "processes",
    "rank",
    "share_batch_norms",
]

T = TypeVar("T")


def processes() -> int:
    """How many train together; 1 where `torch.distributed` is not set up."""
    distributed = torch.distributed
    if distributed.is_available() and distributed.is_initialized():
        return int(distributed.get_world_size())
    return 1


def rank() -> int:
    """This process's number among them, from 0."""
    return int(torch.distributed.get_rank()) if processes() > 1 else 0


def own_share(examples: Sequence[T]) -> list[T]:
    """Of what a step learns from, the part that is this process's; it may be empty."""
    return list(examples[rank() :: processes()])


def from_first(value: T) -> T:
    """The value that the first process gives, in every process; it must pickle."""
    if processes() == 1:
        return value
    held = [value]
    torch.distributed.broadcast_object_list(held, 0)
    return held[0]


class _AllSum(torch.autograd.Function):
    """A sum over all processes. Each of them depends on it, so gradients are summed too."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor) -> Tensor:
        total = tensor.clone(memory_format=torch.contiguous_format)
        torch.distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].clone(memory_format=torch.contiguous_format)
        torch.distributed.all_reduce(total)
        return total


def all_sum(tensor: Tensor) -> Tensor:
    """The sum of the processes' tensors, which have one shape; gradients go through it."""
    if processes() == 1:
        return tensor
    total: Tensor = _AllSum.apply(tensor)
    return total


class SharedBatchNorm(nn.BatchNorm2d):
    """Batch norm over the pictures of all processes together, on CPU and GPU alike.

    In training each process must run it equally often; one of them may have no pictures.
    """

    def forward(self, input: Tensor) -> Tensor:
        """(batch, channels, height, width) -> the same shape and number type."""
        if not self.training or processes() == 1:
            return super().forward(input)
        x = input.float()
        counted = torch.cat((x.sum((0, 2, 3)), x.new_tensor([x.numel() // x.shape[1]])))
        total = all_sum(counted)
        count = float(total[-1].detach())
        centred = x - (total[:-1] / count).view(1, -1, 1, 1)
        variance = all_sum(centred.square().sum((0, 2, 3))) / count
        with torch.no_grad():
            self._remember(total[:-1] / count, variance * (count / max(count - 1, 1)))
        scale = self.weight * torch.rsqrt(variance + self.eps)
        return (centred * scale.view(1, -1, 1, 1) + self.bias.view(1, -1, 1, 1)).to(input.dtype)

    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        if self.running_mean is None or self.running_var is None:
            return
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        share = self.momentum
        if share is None:
            share = 1 / float(self.num_batches_tracked)
        self.running_mean.lerp_(mean, share)
        self.running_var.lerp_(variance, share)


def share_batch_norms(model: nn.Module) -> None:
    """Make the batch norms of a model that learn share their statistics over all processes.

    Those that are frozen, whose statistics never change, stay as they are: several processes train
    what one would. Parameters and buffers are kept, and so are their names.
    """
    frozen = {
        id(norm) for module in model.modules() for norm in getattr(module, "frozen_norms", ())
    }
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.BatchNorm2d | nn.SyncBatchNorm) and id(child) not in frozen:
                module.add_module(name, _shared(child))


def _shared(norm: nn.BatchNorm2d | nn.SyncBatchNorm) -> SharedBatchNorm:
    shared = SharedBatchNorm(norm.num_features, norm.eps, norm.momentum, device="meta")
    for name, parameter in norm.named_parameters():
        shared.register_parameter(name, parameter)
    for name, buffer in norm.named_buffers():
        shared.register_buffer(name, buffer)
    return shared.train(norm.training)
