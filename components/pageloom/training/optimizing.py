"""Doing what a config's `[training.optimizer]` says, with PyTorch's kernels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from thinc.optimizers import Optimizer
from torch import Tensor, nn

__all__ = ["Stepper"]

Key = tuple[int, str]


class Stepper:
    """Takes an optimizer of thinc, and moves a model's parameters as it says.

    Its kind (Adam, RAdam, SGD), its schedules and their values at this step, weight decay, clipping
    and averages are honoured; the arithmetic is PyTorch's, many times as fast on a large model. Two
    things differ from thinc's own, as is usual for such models: gradients are clipped by their norm
    over all parameters together, and biases and norms do not decay. Any other callable is asked for
    each parameter, as thinc does.

    Args:
        model: whose parameters that need a gradient are moved.
    """

    def __init__(self, model: nn.Module) -> None:
        self.parameters = {
            name: parameter
            for name, parameter in model.named_parameters()
            if parameter.requires_grad
        }
        self._optimizer: torch.optim.Optimizer | None = None
        self._kind: tuple[bool, ...] | None = None
        self._steps = 0

    def key(self, name: str) -> Key:
        """Under which a parameter stands in the optimizer's averages."""
        return (id(self), name)

    @torch.no_grad()
    def step(self, optimizer: Optimizer | Callable[..., Any]) -> None:
        """Move the parameters by their gradients, and clear these."""
        if isinstance(optimizer, Optimizer):
            self._steps += 1
            self._adopt(optimizer)
            assert self._optimizer is not None
            if optimizer.grad_clip:
                nn.utils.clip_grad_norm_(self.parameters.values(), optimizer.grad_clip)
            self._optimizer.step()
            if optimizer.averages is not None:
                self._average(optimizer.averages)
        else:
            for name, parameter in self.parameters.items():
                if parameter.grad is not None:
                    moved, _ = optimizer(
                        self.key(name), parameter.cpu().numpy(), parameter.grad.cpu().numpy()
                    )
                    parameter.copy_(torch.as_tensor(moved))
        for parameter in self.parameters.values():
            parameter.grad = None

    def _adopt(self, given: Optimizer) -> None:
        """Take over the values that the schedules have at this step."""
        plain = not given.use_radam and not (given.b1 > 0 and given.b2 > 0)
        kind = (given.use_radam, given.L2_is_weight_decay, plain)
        if kind != self._kind:
            self._kind, self._optimizer = kind, self._made(given, plain)
        assert self._optimizer is not None
        for group in self._optimizer.param_groups:
            group["lr"] = given.learn_rate
            if not plain:
                group["betas"] = (given.b1, given.b2)
                group["eps"] = given.eps
            group["weight_decay"] = given.L2 if group["decays"] else 0.0

    def _made(self, given: Optimizer, plain: bool) -> torch.optim.Optimizer:
        every = list(self.parameters.values())
        groups = [
            {"params": [each for each in every if (each.ndim > 1) is decays], "decays": decays}
            for decays in (True, False)
        ]
        if given.use_radam:
            return torch.optim.RAdam(
                groups, decoupled_weight_decay=given.L2_is_weight_decay, foreach=True
            )
        if plain:
            return torch.optim.SGD(groups, lr=given.learn_rate)
        kind = torch.optim.AdamW if given.L2_is_weight_decay else torch.optim.Adam
        return kind(groups, fused=True)

    def _average(self, averages: dict[Any, Any]) -> None:
        # Thinc's own decay: an average over all steps at first, and over the last ones later.
        share = 1 - min((1 + self._steps) / (10 + self._steps), 0.9999)
        for name, parameter in self.parameters.items():
            mean = averages.get(self.key(name))
            if mean is None:
                averages[self.key(name)] = parameter.detach().clone()
            else:
                mean.lerp_(parameter, share)

    def averaged(self, averages: Mapping[Any, Any]) -> dict[str, Tensor]:
        """The averages of this model's parameters that there are, by name."""
        return {
            name: averages[self.key(name)] for name in self.parameters if self.key(name) in averages
        }
