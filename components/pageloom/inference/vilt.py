"""Many texts about many pictures through one ViLT head."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from pageloom.inference.batching import batches_by_tokens
from pageloom.models.pretrained import PretrainedModel

__all__ = ["ViltEngine", "pair_inputs"]


def pair_inputs(
    pictures: Sequence[Tensor], texts: Sequence[Sequence[int]], device: torch.device
) -> dict[str, Tensor]:
    """A batch for a head: each picture, (tokens, hidden), with the text at its place."""

    def padded(rows: list[Tensor]) -> Tensor:
        return pad_sequence(rows, batch_first=True).to(device)

    return {
        "input_ids": padded([torch.tensor(text) for text in texts]),
        "attention_mask": padded([torch.ones(len(text), dtype=torch.long) for text in texts]),
        "image_embeds": padded(list(pictures)),
        "pixel_mask": padded([torch.ones(len(rows), dtype=torch.long) for rows in pictures]),
    }


class ViltEngine:
    """Runs a head of ViLT over every pair of a picture and a text.

    Args:
        model: the head, as made by `inference_copy`.
        batch_tokens: most tokens in a batch, of text and picture, padding included.
    """

    def __init__(self, model: PretrainedModel[Any], batch_tokens: int = 4096) -> None:
        self.model = model
        self.batch_tokens = batch_tokens

    @torch.inference_mode()
    def embed(self, pixels: npt.NDArray[np.float32]) -> Tensor:
        """One picture, float32 (3, height, width), as tokens (tokens, hidden)."""
        images = torch.from_numpy(pixels)[None].to(self.model.device)
        base: Any = self.model.vilt
        tokens: Tensor = base.embed_images(images)[0]
        return tokens[0]

    @torch.inference_mode()
    def logits(
        self,
        pictures: Sequence[Tensor],
        texts: Sequence[Sequence[int]],
        pairs: Sequence[tuple[int, int]],
    ) -> npt.NDArray[np.float32]:
        """The head's logits for each pair: float32 (pairs, outputs), in the order of `pairs`.

        Args:
            pictures: from `embed`.
            texts: ids, special tokens included.
            pairs: the numbers of a picture and of a text.
        """
        lengths = [len(pictures[picture]) + len(texts[text]) for picture, text in pairs]
        rows: list[Tensor | None] = [None] * len(pairs)
        for batch in batches_by_tokens(lengths, self.batch_tokens):
            chosen = [pairs[number] for number in batch]
            found = self._retrying(
                [pictures[picture] for picture, _ in chosen], [texts[text] for _, text in chosen]
            )
            for number, row in zip(batch, found.float().cpu(), strict=True):
                rows[number] = row
        kept = [row.numpy() for row in rows if row is not None]
        return np.stack(kept) if kept else np.zeros((0, 0), dtype=np.float32)

    def _retrying(self, pictures: list[Tensor], texts: list[Sequence[int]]) -> Tensor:
        """One batch; in halves, and halves of halves, where the device has too little memory."""
        try:
            return self._run(pictures, texts)
        except torch.OutOfMemoryError:
            if len(texts) == 1:
                raise
            torch.cuda.empty_cache()
        half = len(texts) // 2
        return torch.cat(
            [
                self._retrying(pictures[:half], texts[:half]),
                self._retrying(pictures[half:], texts[half:]),
            ]
        )

    def _run(self, pictures: list[Tensor], texts: list[Sequence[int]]) -> Tensor:
        out = self.model(**pair_inputs(pictures, texts, self.model.device))
        logits: Tensor = out.logits
        return logits
