"""Which word each subword of a sequence comes from, and so its box and label."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding

from pageloom.processing.settings import Box

__all__ = ["Alignment", "first_offsets"]

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Alignment:
    """A sequence for the model, from the example `source` of the batch, beside its words.

    `words` holds for each subword the index of its word, -1 at special tokens, padding and
    questions; `special` is true at special tokens and padding. Both of shape (length,).
    """

    encoding: Encoding
    source: int
    words: Ints
    special: NDArray[np.bool_]

    @classmethod
    def of(cls, encoding: Encoding, source: int, *, with_question: bool) -> Alignment:
        """The alignment of an encoding, whose first part may be a question."""
        words = np.array([-1 if w is None else w for w in encoding.word_ids], dtype=np.int64)
        special = words < 0
        if with_question:
            words[np.array([s != 1 for s in encoding.sequence_ids], dtype=bool)] = -1
        return cls(encoding, source, words, special)

    def boxes(self, boxes: Ints, special: Mapping[int, Box], otherwise: Box) -> Ints:
        """The subwords' boxes, of shape (length, 4).

        `boxes` are the words', (n, 4); `special` those of special tokens by id; `otherwise` is the
        box of a question's subwords.
        """
        ids = np.array(self.encoding.ids, dtype=np.int64)
        result = np.tile(np.array(otherwise, dtype=np.int64), (len(ids), 1))
        for token_id, box in special.items():
            result[self.special & (ids == token_id)] = box
        inside = self.words >= 0
        result[inside] = boxes[self.words[inside]]
        return result

    def firsts(self, starts: dict[int, int] | None) -> NDArray[np.bool_]:
        """Where the first subword of a word is, of shape (length,).

        With `starts` (from `first_offsets`) that is the word's first of all; without, its first in
        this sequence, which may be a window that the word continues in.
        """
        offsets = self.encoding.offsets
        result = np.zeros(len(self.words), dtype=bool)
        before = (-1, -1)
        for position, word in enumerate(self.words.tolist()):
            here = (word, -1 if starts is None else offsets[position][0])
            if word >= 0 and here != before:
                result[position] = starts is None or here[1] == starts[word]
            before = here
        return result

    def labels(self, labels: list[int], otherwise: int, where: NDArray[np.bool_] | None) -> Ints:
        """The subwords' labels, of shape (length,): the word's, or `otherwise` where there is none
        and where `where` is false.
        """
        wanted = self.words >= 0
        if where is not None:
            wanted &= where
        result = np.full(len(self.words), otherwise, dtype=np.int64)
        result[wanted] = np.array(labels, dtype=np.int64)[self.words[wanted]]
        return result


def first_offsets(encoding: Encoding, *, with_question: bool) -> dict[int, int]:
    """Where in each word its first subword starts, over all windows of an example."""
    starts: dict[int, int] = {}
    for part in (encoding, *encoding.overflowing):
        words = Alignment.of(part, 0, with_question=with_question).words.tolist()
        for word, (start, _) in zip(words, part.offsets, strict=True):
            if word >= 0 and start < starts.get(word, start + 1):
                starts[word] = start
    return starts
