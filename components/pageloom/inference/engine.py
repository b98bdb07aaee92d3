"""The engine: pages and windows of many documents through one model."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from pageloom.inference.batching import batches_by_tokens
from pageloom.models.pretrained import PretrainedModel
from pageloom.models.shapes import shapes_only
from pageloom.processing.windows import (
    SPECIAL_TOKENS,
    FramingTokenizer,
    LayoutTokens,
    first_subwords,
    frame_windows,
)

__all__ = ["Engine", "Item", "inference_copy"]

PAGES_AT_ONCE = 8

# A forked process has none of its parent's OpenMP threads, and waits for them for ever. Processes
# that are forked work side by side, so one thread each is also what serves them best.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: torch.set_num_threads(1))

ModelT = TypeVar("ModelT", bound=PretrainedModel[Any])


@dataclass(frozen=True)
class Item:
    """One document as the engine takes it.

    Args:
        tokens: its subwords and windows.
        pixels: for each page number that a window is on, uint8 (3, height, width), BGR. Windows of
            pages that are missing here are not run. A model without eyes needs none and runs all.
    """

    tokens: LayoutTokens
    pixels: Mapping[int, npt.NDArray[np.uint8]]


def inference_copy(model: ModelT, device: torch.device, dtype: torch.dtype) -> ModelT:
    """A copy of `model` made for inference: on `device`, in `dtype`, batch norms folded.

    Parameters that need no change are shared with `model`.
    """
    with shapes_only():
        copy = type(model)(model.config)
    copy.load_state_dict(
        {name: tensor.detach() for name, tensor in model.state_dict().items()}, assign=True
    )
    for module in list(copy.modules()):
        fold = getattr(module, "fold_batch_norm", None)
        if fold is not None:
            # In the model's own number type: a product of rounded factors is rounded twice.
            fold()
            module.to(memory_format=torch.channels_last)
    return copy.requires_grad_(False).to(device, dtype).eval()


class Engine:
    """Runs a head of LayoutLMv2 or LiLT over documents.

    Args:
        model: the head, as made by `inference_copy`.
        tokenizer: its special tokens frame and pad the windows.
        batch_tokens: most tokens in a batch, padding included.
    """

    def __init__(
        self, model: PretrainedModel[Any], tokenizer: FramingTokenizer, batch_tokens: int = 4096
    ) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.batch_tokens = batch_tokens

    @torch.inference_mode()
    def token_logits(self, items: Sequence[Item]) -> list[npt.NDArray[np.float32]]:
        """For each document the labels' logits of each word: float32 (words, labels).

        A word is decided by its first subword, in the window that sees it with most context. Words
        without a subword, or on a page without a picture, have NaN.
        """
        labels = self.model.config.num_labels
        results = [np.full((item.tokens.words, labels), np.nan, dtype=np.float32) for item in items]
        deciding = [item.tokens.deciding_windows() for item in items]
        firsts = [first_subwords(item.tokens.word_index) for item in items]
        for document, number, output, row in self.run(items):
            tokens = items[document].tokens
            start, end = int(tokens.starts[number]), int(tokens.ends[number])
            here = slice(start, end)
            wanted = firsts[document][here] & (deciding[document][here] == number)
            # The first token frames the window.
            logits = output.logits[row, 1 : 1 + end - start].float().cpu().numpy()
            results[document][tokens.word_index[here][wanted]] = logits[wanted]
        return results

    @torch.inference_mode()
    def window_logits(self, items: Sequence[Item]) -> list[npt.NDArray[np.float32]]:
        """For each document the labels' logits of each window: float32 (windows, labels).

        For heads that give one row a window. Windows on a page without a picture have NaN.
        """
        labels = self.model.config.num_labels
        results = [
            np.full((len(item.tokens.starts), labels), np.nan, dtype=np.float32) for item in items
        ]
        for document, number, output, row in self.run(items):
            results[document][number] = output.logits[row].float().cpu().numpy()
        return results

    @torch.inference_mode()
    def run(self, items: Sequence[Item]) -> Iterator[tuple[int, int, Any, int]]:
        """Run every window of every document.

        Yields (document, window, output of the model, row in it). Where the model sees pages, each
        page's picture is encoded once, whatever the number of windows.
        """
        visual: Callable[[Tensor], Tensor] | None = getattr(self._base(), "visual", None)
        places, features = self._encode_pages(items, visual) if visual else ({}, None)
        rows = [
            (document, number, window)
            for document, item in enumerate(items)
            for number, window in enumerate(item.tokens.windows)
            if features is None or (document, window.page) in places
        ]
        lengths = [window.end - window.start + SPECIAL_TOKENS for _, _, window in rows]
        for batch in batches_by_tokens(lengths, self.batch_tokens):
            chosen = [rows[number] for number in batch]
            framed = frame_windows(
                self.tokenizer, [(items[document].tokens, window) for document, _, window in chosen]
            )
            device = self.model.device
            inputs = {name: torch.from_numpy(rows).to(device) for name, rows in framed.items()}
            if features is not None:
                pages = [places[document, window.page] for document, _, window in chosen]
                inputs["image_features"] = features[torch.tensor(pages, device=features.device)]
            output = self._retrying(inputs)
            for row, (document, number, _) in enumerate(chosen):
                yield document, number, output, row

    def _encode_pages(
        self, items: Sequence[Item], visual: Callable[[Tensor], Tensor]
    ) -> tuple[dict[tuple[int, int], int], Tensor]:
        places: dict[tuple[int, int], int] = {}
        pictures: list[npt.NDArray[np.uint8]] = []
        for document, item in enumerate(items):
            for page in sorted(set(item.tokens.pages.tolist())):
                if page in item.pixels:
                    places[document, page] = len(pictures)
                    pictures.append(item.pixels[page])
        if not pictures:
            return places, torch.zeros(0)
        parts = []
        for first in range(0, len(pictures), PAGES_AT_ONCE):
            images = torch.from_numpy(np.stack(pictures[first : first + PAGES_AT_ONCE]))
            images = images.to(self.model.device).contiguous(memory_format=torch.channels_last)
            parts.append(visual(images))
        return places, torch.cat(parts)

    def _base(self) -> Any:
        return getattr(self.model, self.model.base_prefix, self.model)

    def _retrying(self, inputs: dict[str, Tensor]) -> Any:
        """One batch; in halves, and halves of halves, where the device has too little memory."""
        try:
            return self.model(**inputs)
        except torch.OutOfMemoryError:
            size = len(inputs["input_ids"])
            if size == 1:
                raise
            torch.cuda.empty_cache()
        half = size // 2
        parts = [
            self._retrying({name: tensor[rows] for name, tensor in inputs.items()})
            for rows in (slice(0, half), slice(half, size))
        ]
        joined = {
            name: torch.cat([getattr(part, name) for part in parts])
            for name, value in vars(parts[0]).items()
            if isinstance(value, Tensor)
        }
        return type(parts[0])(**joined)
