"""Models without numbers, to be given a checkpoint's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

__all__ = ["shapes_only"]


@contextmanager
def shapes_only() -> Iterator[None]:
    """Modules that are made within have tensors on the device `meta`: shapes and no numbers.

    Nor are they initialised, which there would do nothing but import torch's compiler: of numbers
    drawn at random, torch decides by it what shape they have.
    """
    with torch.device("meta"), _Uninitialised():
        yield


class _Uninitialised(TorchFunctionMode):
    """Passes over the functions of `torch.nn.init`."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if getattr(func, "__module__", "") == "torch.nn.init":
            return args[0] if args else kwargs["tensor"]
        return func(*args, **kwargs)
