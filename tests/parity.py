"""Does a model here equal the public library's? One helper for every architecture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

VALUES = 1e-4
"""How far an output or a loss in fp32 may lie from the reference's."""
GRADIENTS = 1e-3
"""How far a gradient may, absolutely and relatively."""


def both_ways(ours: Any, reference: Any, folder: Path, **options: Any) -> tuple[Any, Any]:
    """Our checkpoint as the reference reads it, and the reference's as we read it.

    `options` are those of the reference's `from_pretrained`. All three are in evaluation mode.
    """
    ours.eval().save_pretrained(folder / "ours")
    theirs, info = reference.from_pretrained(
        folder / "ours", output_loading_info=True, attn_implementation="eager", **options
    )
    assert not info["missing_keys"], info["missing_keys"]
    assert not info["unexpected_keys"], info["unexpected_keys"]
    theirs.eval().save_pretrained(folder / "theirs")
    return theirs, type(ours).from_pretrained(folder / "theirs")


def assert_outputs_equal(
    ours: Any,
    theirs: Any,
    kept: Tensor | None = None,
    atol: float = VALUES,
    leave_out: tuple[str, ...] = (),
) -> list[str]:
    """Every output of the reference's that is not None equals ours, where `kept` is not zero.

    `kept` (batch, length) cuts the rows of tensors (batch, length, ...), and both axes of attention
    weights. Returns the names of what was compared.
    """
    compared = []
    for name, expected in theirs.items():
        if expected is None or name in leave_out:
            continue
        found = getattr(ours, name)
        assert found is not None, f"{name} is missing"
        if isinstance(expected, Tensor):
            found, expected = (found,), (expected,)
        assert len(found) == len(expected), name
        for index, (mine, reference) in enumerate(zip(found, expected, strict=True)):
            assert mine.shape == reference.shape, f"{name} {index}"
            torch.testing.assert_close(
                _cut(mine, kept),
                _cut(reference, kept),
                atol=atol,
                rtol=0,
                msg=lambda text, where=f"{name} {index}": f"{where}: {text}",
            )
        compared.append(name)
    assert compared
    return compared


def _cut(tensor: Tensor, kept: Tensor | None) -> Tensor:
    if kept is None or tensor.dim() < 2 or tensor.shape[0] != len(kept):
        return tensor
    length = kept.shape[1]
    if tensor.dim() == 4 and tensor.shape[2:] == (length, length):
        pairs = kept.bool()[:, None, :, None] & kept.bool()[:, None, None, :]
        return tensor.masked_select(pairs)
    return tensor[kept.bool()] if tensor.shape[1] == length else tensor


def assert_gradients_equal(ours: Any, theirs: Any, tolerance: float = GRADIENTS) -> int:
    """Every gradient of the reference's equals ours; call `backward` on both before.

    Where the reference has none, ours is none or zero. Returns how many were compared.
    """
    expected = {name: p.grad for name, p in theirs.named_parameters()}
    compared = 0
    for name, parameter in ours.named_parameters():
        reference = expected[ours.checkpoint_key(name)]
        if reference is None:
            assert parameter.grad is None or not parameter.grad.any(), name
            continue
        assert parameter.grad is not None, f"{name} has no gradient"
        torch.testing.assert_close(
            parameter.grad,
            reference,
            atol=tolerance,
            rtol=tolerance,
            msg=lambda text, name=name: f"{name}: {text}",
        )
        compared += 1
    assert compared
    return compared
