"""How much single labels count in a loss: label smoothing and class weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["IGNORED", "Weighing"]

IGNORED = -100
"""The label of a row that a loss leaves out."""


class Weighing:
    """Losses with label smoothing and class weights.

    Args:
        name: of the component, for messages.
        smoothing: the share of what is right that all labels have alike, 0 to less than 1.
        weights: how much the labels named here count; the others count 1.

    Raises `ValueError` for a number out of its range.
    """

    def __init__(
        self, name: str, smoothing: float = 0.0, weights: Mapping[str, float] | None = None
    ) -> None:
        if not 0 <= smoothing < 1:
            raise ValueError(f"{name}: label_smoothing={smoothing}; use 0 to less than 1")
        self.name = name
        self.smoothing = smoothing
        self.weights = dict(weights or {})
        for label, weight in self.weights.items():
            if isinstance(weight, bool) or not isinstance(weight, int | float):
                raise ValueError(f"{name}: class_weights has {label} = {weight!r}; use a number")
            if not isfinite(weight) or weight < 0:
                raise ValueError(f"{name}: class_weights has {label} = {weight}; use 0 or more")

    def check(self, labels: Sequence[str]) -> None:
        """Raise `ValueError` for a weight of a label that there is not."""
        if unknown := [label for label in self.weights if label not in labels]:
            raise ValueError(
                f"{self.name}: class_weights names {', '.join(unknown)}; "
                f"the labels are {', '.join(labels)}"
            )

    def cross_entropy(
        self, logits: Tensor, targets: Tensor, names: Sequence[str]
    ) -> tuple[Tensor, float]:
        """Summed cross-entropy, and the weight of all that is summed.

        Args:
            logits: (rows, outputs).
            targets: int64 (rows,), the number of the right output, or `IGNORED`.
            names: for each output, the label under which `weights` has it.
        """
        logits = logits.float()
        targets = targets.to(logits.device)
        taught = targets != IGNORED
        vector = self._vector(names, logits)
        loss = F.cross_entropy(
            logits,
            targets,
            vector,
            ignore_index=IGNORED,
            reduction="sum",
            label_smoothing=self.smoothing,
        )
        if vector is None:
            return loss, float(taught.sum())
        return loss, float(vector[targets[taught]].sum())

    def binary(self, logits: Tensor, targets: Tensor, names: Sequence[str]) -> tuple[Tensor, float]:
        """Summed binary cross-entropy of outputs that each stand for themselves, and how many.

        Args:
            logits: (rows, outputs).
            targets: float (rows, outputs), 0-1, or NaN where nothing is said. Where it is 1, the
                label's weight counts.
            names: as for `cross_entropy`.
        """
        logits = logits.float()
        targets = targets.to(logits.device, logits.dtype)
        taught = ~targets.isnan()
        softened = targets.nan_to_num() * (1 - self.smoothing) + self.smoothing / 2
        loss = F.binary_cross_entropy_with_logits(
            logits, softened, pos_weight=self._vector(names, logits), reduction="none"
        )
        return loss[taught].sum(), float(taught.sum())

    def _vector(self, names: Sequence[str], like: Tensor) -> Tensor | None:
        if not self.weights:
            return None
        return torch.tensor([self.weights.get(name, 1.0) for name in names]).to(like)
