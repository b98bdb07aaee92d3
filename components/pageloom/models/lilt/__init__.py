"""LiLT (Wang et al. 2022): config, the two flows, heads, and the joining of checkpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pageloom.models.lilt.joining import combine

__all__ = ["combine"]


def __getattr__(name: str) -> object:
    # The config alone needs no torch.
    if name == "combine":
        from pageloom.models.lilt.joining import combine

        return combine
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
