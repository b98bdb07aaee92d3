"""A model that learns: losses of many batches, one step, in one process or in several."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from pageloom.models.attention import SelfAttention
from pageloom.models.pretrained import PretrainedModel
from pageloom.training.optimizing import Stepper
from pageloom.training.processes import own_share, processes, rank, share_batch_norms

__all__ = ["Learner", "own_share"]

T = TypeVar("T")


class Learner:
    """Gathers gradients of a model and takes steps.

    The parameters are held and moved in float32; with another `dtype` the arithmetic of a pass is
    mixed (`torch.autocast`). What the model froze, as the first stages of a visual backbone, stays
    frozen. Where `torch.distributed` is set up, all processes begin with the parameters of the
    first, a step uses the gradients of all, and batch norms that learn share their statistics.

    Args:
        model: learns; it is changed in place.
        device: where.
        dtype: of the arithmetic: float32 or bfloat16.

    Raises `ValueError` for float16, whose gradients vanish.
    """

    def __init__(
        self, model: PretrainedModel[Any], device: torch.device, dtype: torch.dtype
    ) -> None:
        if dtype == torch.float16:
            raise ValueError("dtype float16 cannot be trained with: use bfloat16 or float32")
        # A copy of its own: parameters may lie in a file that is only mapped.
        for parameter in model.parameters():
            parameter.data = parameter.data.to(device, torch.float32, copy=True)
        self.model = model.to(device, torch.float32)
        self.device = device
        self.dtype = dtype
        self._count = 0.0
        if processes() > 1:
            share_batch_norms(self.model)
            for tensor in self.model.state_dict().values():
                torch.distributed.broadcast(tensor, 0)
            # Each drops other values out.
            torch.manual_seed(torch.initial_seed() + rank())
        self.stepper = Stepper(self.model)

    @property
    def mixed(self) -> bool:
        """Whether the arithmetic has fewer bits than the parameters."""
        return self.dtype != torch.float32

    @property
    def base(self) -> Any:
        """The model under the head."""
        return getattr(self.model, self.model.base_prefix, self.model)

    def learn(
        self,
        batches: Iterable[T],
        loss_of: Callable[[T], tuple[Tensor, float]],
        *,
        drop: float = 0.0,
    ) -> float:
        """Add the gradients of some batches to those of the next step; returns their mean loss.

        With several processes it is the mean over the batches of all.

        Args:
            batches: of whatever `loss_of` takes.
            loss_of: the sum of a batch's losses, and of how many.
            drop: the probability of dropout, 0-1, of hidden states and of attention.
        """
        self.model.train()
        _set_dropout(self.model, drop)
        total = count = 0.0
        for batch in batches:
            with torch.autocast(self.device.type, self.dtype, self.mixed):
                loss, number = loss_of(batch)
            loss.backward()
            total += float(loss.detach())
            count += number
        self.model.eval()
        self._count += count
        if processes() > 1:
            # Summed on the device: not every backend sums elsewhere.
            sums = torch.tensor([total, count], dtype=torch.float32, device=self.device)
            torch.distributed.all_reduce(sums)
            total, count = sums.tolist()
        return total / count if count else 0.0

    def step(self, optimizer: Any) -> None:
        """Move the parameters by the mean gradient since the last step."""
        count = self._count
        if processes() > 1:
            count = self._gather()
        self._count = 0.0
        if not count:
            self.model.zero_grad(set_to_none=True)
            return
        for parameter in self.stepper.parameters.values():
            if parameter.grad is not None:
                parameter.grad.div_(count)
        self.stepper.step(optimizer)

    def _gather(self) -> float:
        """Sum the gradients, and what they are of, over all processes."""
        parameters = list(self.stepper.parameters.values())
        # What no process has a gradient of must not move, not by weight decay either.
        heads = [float(each.grad is not None) for each in parameters]
        told = torch.tensor([self._count, *heads], dtype=torch.float32, device=self.device)
        torch.distributed.all_reduce(told)
        taught = [each for each, head in zip(parameters, told[1:].tolist(), strict=True) if head]
        for parameter in taught:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        gradients = [each.grad for each in taught if each.grad is not None]
        if gradients:
            flat = torch.cat([gradient.flatten() for gradient in gradients])
            torch.distributed.all_reduce(flat)
            parts = flat.split([gradient.numel() for gradient in gradients])
            for gradient, part in zip(gradients, parts, strict=True):
                gradient.copy_(part.view_as(gradient))
        return float(told[0])

    @contextmanager
    def averaged(self, averages: Mapping[Any, Any]) -> Iterator[None]:
        """The parameters' averages in their place, while the block lasts."""
        means = self.stepper.averaged(averages)
        parameters = self.stepper.parameters
        kept = {name: parameters[name].detach().clone() for name in means}
        with torch.no_grad():
            for name, mean in means.items():
                parameters[name].copy_(mean)
        try:
            yield
        finally:
            with torch.no_grad():
                for name, before in kept.items():
                    parameters[name].copy_(before)


def _set_dropout(model: nn.Module, drop: float) -> None:
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = drop
        elif isinstance(module, SelfAttention):
            module.dropout = drop
