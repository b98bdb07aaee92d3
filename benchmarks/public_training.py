"""The public library's token classifiers in its usual training loop.

The loop is what its examples write out: batches from a data loader, forward, backward, clipped
gradients, AdamW in one kernel, a rate that falls linearly; biases and norms do not decay. It learns
from the windows that pageloom's component makes of a corpus, so that both sides see the same
subwords, boxes, labels and pictures; they are tensors before its clock starts.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pageloom.pipes.window_training import WindowRow
from pageloom.processing.windows import FramingTokenizer, frame_windows
from tests import public_library

__all__ = ["CLIP", "DECAY", "PublicLearner", "collated", "public_tagger"]

DECAY = 0.01
CLIP = 1.0


def public_tagger(folder: Path) -> Any:
    """The public library's token classifier of the checkpoint in `folder`."""
    public = public_library.layoutlmv2()
    kind = public.AutoConfig.from_pretrained(folder).model_type
    classes = {
        "layoutlmv2": public.LayoutLMv2ForTokenClassification,
        "lilt": public.LiltForTokenClassification,
    }
    return classes[kind].from_pretrained(folder, dtype=torch.float32)


def collated(
    rows: Sequence[WindowRow], tokenizer: FramingTokenizer, length: int | None = None
) -> dict[str, Tensor]:
    """Arguments of the public model: windows padded to the longest, or to `length` subwords."""
    framed = frame_windows(tokenizer, [(row.tokens, row.window) for row in rows])
    labels = np.full(framed["input_ids"].shape, -100, dtype=np.int64)
    for number, row in enumerate(rows):
        labels[number, 1 : 1 + len(row.target)] = row.target
    framed["labels"] = labels
    if length is not None:
        padding = {"input_ids": tokenizer.pad_token_id, "bbox": 0, "attention_mask": 0}
        for name, array in framed.items():
            more = [(0, 0), (0, length - array.shape[1]), *[(0, 0)] * (array.ndim - 2)]
            framed[name] = np.pad(array, more, constant_values=padding.get(name, -100))
    batch = {name: torch.from_numpy(array) for name, array in framed.items()}
    if rows[0].pixels is not None:
        batch["image"] = torch.from_numpy(np.stack([row.pixels for row in rows]))
    return batch


class PublicLearner:
    """Takes steps.

    Args:
        folder: of the checkpoint to start from.
        rate: of learning, at its highest.
        steps: in all.
        warmup: steps until the rate is at its highest.
        mixed: whether the arithmetic is bfloat16; the library's default is float32.
    """

    def __init__(
        self, folder: Path, *, rate: float, steps: int, warmup: int = 0, mixed: bool = False
    ) -> None:
        self.model = public_tagger(folder).train()
        self.mixed = mixed
        every = [each for each in self.model.parameters() if each.requires_grad]
        groups = [
            {"params": [each for each in every if each.ndim > 1], "weight_decay": DECAY},
            {"params": [each for each in every if each.ndim <= 1], "weight_decay": 0.0},
        ]
        self.optimizer = torch.optim.AdamW(groups, lr=rate, fused=True)
        self.schedule = public_library.layoutlmv2().get_linear_schedule_with_warmup(
            self.optimizer, warmup, steps
        )

    def step(self, batch: dict[str, Tensor]) -> float:
        """Learn from a batch; returns its mean loss."""
        with torch.autocast("cpu", torch.bfloat16, self.mixed):
            loss = self.model(**batch).loss
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), CLIP)
        self.optimizer.step()
        self.schedule.step()
        self.optimizer.zero_grad()
        return float(loss.detach())
