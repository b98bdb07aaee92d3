"""From a document's words to overlapping windows of subwords, and back to one row a word.

Training and inference use this code alike. A window never straddles two pages.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

__all__ = [
    "FramingTokenizer",
    "LayoutTokens",
    "Window",
    "WordTokenizer",
    "check_window",
    "encode_words",
    "first_subwords",
    "frame_windows",
    "window_bounds",
]

IntArray = npt.NDArray[np.integer[Any]]
Box = tuple[int, int, int, int]

SPECIAL_TOKENS = 2
"""Each window is framed by a token before and one after."""


class WordTokenizer(Protocol):
    """What `encode_words` needs of a tokenizer."""

    @property
    def fingerprint(self) -> str:
        """A hash of everything that decides the ids."""
        ...

    def subwords(self, words: Sequence[str]) -> tuple[IntArray, IntArray]:
        """Ids and word index, both (subwords,), without special tokens."""
        ...


class FramingTokenizer(Protocol):
    """What `frame_windows` needs of a tokenizer: the tokens that frame and pad a window."""

    @property
    def cls_token_id(self) -> int:
        """Stands before a window."""
        ...

    @property
    def sep_token_id(self) -> int:
        """Stands after a window."""
        ...

    @property
    def pad_token_id(self) -> int:
        """Fills a row up."""
        ...

    @property
    def cls_token_box(self) -> Sequence[int]:
        """The box of the token before."""
        ...

    @property
    def sep_token_box(self) -> Sequence[int]:
        """The box of the token after."""
        ...

    @property
    def pad_token_box(self) -> Sequence[int]:
        """The box of padding."""
        ...


@dataclass(frozen=True)
class Window:
    """One window: subwords `start` to `end` (exclusive) of a document, all on page `page`."""

    start: int
    end: int
    page: int


@dataclass(frozen=True)
class LayoutTokens:
    """A document's subwords and its windows, without special tokens.

    Args:
        fingerprint: of the tokenizer that made the ids.
        words: how many words the document has.
        input_ids: int32 (subwords,).
        boxes: int16 (subwords, 4) on 0-1000; each subword has its word's box.
        word_index: int32 (subwords,), ascending.
        starts, ends, pages: int32 (windows,): each window's subwords and its page's number.
    """

    fingerprint: str
    words: int
    input_ids: IntArray
    boxes: IntArray
    word_index: IntArray
    starts: IntArray
    ends: IntArray
    pages: IntArray

    @property
    def windows(self) -> list[Window]:
        """The windows, page by page."""
        rows = zip(self.starts.tolist(), self.ends.tolist(), self.pages.tolist(), strict=True)
        return [Window(*row) for row in rows]

    def to_dict(self) -> dict[str, Any]:
        """Plain values and arrays, which msgpack can write."""
        return dict(vars(self))

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> LayoutTokens:
        """The inverse of `to_dict`. Raises `ValueError` for anything else."""
        try:
            return cls(**values)
        except TypeError as error:
            raise ValueError(f"not encoded windows: {error}") from None

    @property
    def longest(self) -> int:
        """The subwords of the longest window; 0 without windows."""
        return int((self.ends - self.starts).max(initial=0))

    def deciding_windows(self) -> IntArray:
        """For each subword, the window that sees it with most context: int32 (subwords,).

        Context is the distance to the window's nearer edge; the edge of a page is none, since there
        is nothing beyond it.
        """
        best = np.full(len(self.input_ids), -1, dtype=np.int64)
        chosen = np.zeros(len(self.input_ids), dtype=np.int32)
        far = len(self.input_ids)
        starts, ends = self.starts.tolist(), self.ends.tolist()
        for number, (start, end) in enumerate(zip(starts, ends, strict=True)):
            # Where no neighbour overlaps there is nothing beyond: a page begins or ends.
            opens = number == 0 or ends[number - 1] <= start
            closes = number == len(ends) - 1 or starts[number + 1] >= end
            places = np.arange(start, end)
            left = places - start + (far if opens else 0)
            right = end - 1 - places + (far if closes else 0)
            context = np.minimum(left, right)
            better = context > best[start:end]
            best[start:end][better] = context[better]
            chosen[start:end][better] = number
        return chosen


def check_window(max_length: int, stride: int) -> int:
    """The subwords that a window of `max_length` tokens has room for.

    Raises `ValueError` unless neighbours that share `stride` of them can move on.
    """
    capacity = max_length - SPECIAL_TOKENS
    if not 0 <= stride < capacity:
        raise ValueError(
            f"max_length {max_length} leaves {max(capacity, 0)} subwords in a window; "
            f"stride {stride} must be at least 0 and less than that"
        )
    return capacity


def window_bounds(length: int, capacity: int, overlap: int) -> Iterator[tuple[int, int]]:
    """Bounds of the fewest windows of at most `capacity` that cover `length` and overlap by at
    least `overlap`; their sizes differ by no more than one. Nothing for a length of zero.

    Raises `ValueError` unless 0 <= overlap < capacity.
    """
    if not 0 <= overlap < capacity:
        raise ValueError(
            f"stride {overlap} must be at least 0 and less than the {capacity} subwords of a window"
        )
    if length <= 0:
        return
    count = 1 if length <= capacity else -(-(length - overlap) // (capacity - overlap))
    for number in range(count):
        # Starts are spread evenly; each window then reaches `overlap` into the next.
        start = number * (length - overlap) // count if count > 1 else 0
        end = (number + 1) * (length - overlap) // count + overlap if count > 1 else length
        yield start, end


def encode_words(
    tokenizer: WordTokenizer,
    words: Sequence[str],
    boxes: Sequence[Box | None],
    pages: Sequence[int],
    *,
    max_length: int = 512,
    stride: int = 128,
) -> LayoutTokens:
    """Encode a document.

    Args:
        tokenizer: gives the subwords.
        words, boxes, pages: one of each a word; a box lies on 0-1000 and is clamped to it, `None`
            becomes (0, 0, 0, 0); pages ascend.
        max_length: subwords in a window, special tokens included.
        stride: subwords that two neighbouring windows share.

    Raises `ValueError` if the three differ in length or the window is too small for the stride.
    """
    if not len(words) == len(boxes) == len(pages):
        raise ValueError(
            f"{len(words)} words, {len(boxes)} boxes and {len(pages)} pages: "
            "give one box and one page a word"
        )
    capacity = check_window(max_length, stride)
    ids, word_index = tokenizer.subwords(words)
    corners = np.array([box or (0, 0, 0, 0) for box in boxes], dtype=np.int64).reshape(-1, 4)
    corners = corners.clip(0, 1000)
    # A box with swapped corners would have a negative size, which no embedding stands for.
    corners[:, 2:] = np.maximum(corners[:, 2:], corners[:, :2])
    page_of = np.array(pages, dtype=np.int32)[word_index]
    edges = np.flatnonzero(np.diff(page_of)) + 1
    starts, ends, numbers = [], [], []
    for first, last in zip([0, *edges], [*edges, len(ids)], strict=True):
        for start, end in window_bounds(last - first, capacity, stride):
            starts.append(first + start)
            ends.append(first + end)
            numbers.append(page_of[first])
    return LayoutTokens(
        fingerprint=tokenizer.fingerprint,
        words=len(words),
        input_ids=ids.astype(np.int32),
        boxes=corners[word_index].astype(np.int16),
        word_index=word_index.astype(np.int32),
        starts=np.array(starts, dtype=np.int32),
        ends=np.array(ends, dtype=np.int32),
        pages=np.array(numbers, dtype=np.int32),
    )


def first_subwords(word_index: IntArray) -> npt.NDArray[np.bool_]:
    """True where a word begins: bool (subwords,)."""
    return np.concatenate(([True], word_index[1:] != word_index[:-1]))[: len(word_index)]


def frame_windows(
    tokenizer: FramingTokenizer, windows: Sequence[tuple[LayoutTokens, Window]]
) -> dict[str, npt.NDArray[np.int64]]:
    """A batch for the model: `input_ids` and `attention_mask` (windows, longest), `bbox` (windows,
    longest, 4), each window framed by its special tokens and padded to the longest.
    """
    longest = max(window.end - window.start for _, window in windows) + SPECIAL_TOKENS
    ids = np.full((len(windows), longest), tokenizer.pad_token_id, dtype=np.int64)
    boxes = np.empty((len(windows), longest, 4), dtype=np.int64)
    boxes[:] = tokenizer.pad_token_box
    mask = np.zeros((len(windows), longest), dtype=np.int64)
    for row, (tokens, window) in enumerate(windows):
        inside, stop = slice(window.start, window.end), window.end - window.start + 1
        ids[row, 0], boxes[row, 0] = tokenizer.cls_token_id, tokenizer.cls_token_box
        ids[row, 1:stop], boxes[row, 1:stop] = tokens.input_ids[inside], tokens.boxes[inside]
        ids[row, stop], boxes[row, stop] = tokenizer.sep_token_id, tokenizer.sep_token_box
        mask[row, : stop + 1] = 1
    return {"input_ids": ids, "bbox": boxes, "attention_mask": mask}
