"""The words, boxes, labels and questions of a call, checked and made into one batch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Examples", "check_boxes"]


@dataclass(frozen=True, slots=True)
class Examples:
    """A batch: for each example its words, their boxes (n, 4), perhaps labels and a question.

    `batched` says whether the caller gave a batch or a single example.
    """

    words: list[list[str]]
    boxes: list[NDArray[np.int64]]
    labels: list[list[int]] | None
    questions: list[str] | None
    batched: bool

    @classmethod
    def of(cls, text: Any, text_pair: Any, boxes: Any, word_labels: Any) -> Examples:
        """Sort out a tokenizer's arguments.

        With `text_pair`, `text` holds the question or questions and `text_pair` the words; without,
        `text` holds the words. Raises `ValueError` naming the argument, index and counts at fault.
        """
        questions: list[str] | None = None
        if text_pair is None:
            _refuse_string("text", text)
            batched = len(text) > 0 and not isinstance(text[0], str)
            words = text if batched else [text]
        else:
            _refuse_string("text_pair", text_pair)
            batched = not isinstance(text, str)
            questions = _strings("text", "question", text) if batched else [text]
            words = text_pair if batched else [text_pair]
        if boxes is None:
            raise ValueError("boxes are missing: give one box (x0, y0, x1, y1) on 0-1000 per word")
        if not batched:
            boxes = [boxes]
            word_labels = None if word_labels is None else [word_labels]
        if not len(words):
            raise ValueError("the batch is empty: give at least one example")
        for name, column in (("questions", questions), ("boxes", boxes), ("labels", word_labels)):
            if column is not None and len(column) != len(words):
                raise ValueError(
                    f"{len(words)} examples of words, and {name} for {len(column)}: give one each"
                )
        wheres = [f"example {index}: " if batched else "" for index in range(len(words))]
        checked_words = [
            _strings(where + "words", "word", w) for where, w in zip(wheres, words, strict=True)
        ]
        checked_boxes = [
            check_boxes(box, len(w), where)
            for where, w, box in zip(wheres, checked_words, boxes, strict=True)
        ]
        labels = None
        if word_labels is not None:
            labels = [
                _labels(row, len(w), where)
                for where, w, row in zip(wheres, checked_words, word_labels, strict=True)
            ]
        return cls(checked_words, checked_boxes, labels, questions, batched)


def check_boxes(boxes: Any, count: int, where: str = "") -> NDArray[np.int64]:
    """`boxes` as an int64 array of shape (count, 4).

    Raises `ValueError`, its message led by `where`, unless there are `count` boxes of four integers
    from 0 to 1000.
    """
    if len(boxes) != count:
        raise ValueError(f"{where}{count} words and {len(boxes)} boxes: give one box per word")
    if count == 0:
        return np.zeros((0, 4), dtype=np.int64)
    try:
        array = np.asarray(boxes)
    except ValueError:  # rows of unequal length
        array = np.empty(0, dtype=object)
    if array.shape != (count, 4) or array.dtype.kind not in "iu":
        for index, box in enumerate(boxes):
            row = np.asarray(box)
            if row.shape != (4,) or row.dtype.kind not in "iu":
                raise ValueError(f"{where}box {index} is {box!r}, not four integers x0, y0, x1, y1")
        array = np.asarray([list(box) for box in boxes])
    wrong = ((array < 0) | (array > 1000)).any(axis=1)
    if wrong.any():
        index = int(wrong.argmax())
        raise ValueError(
            f"{where}box {index} is {array[index].tolist()}, outside 0-1000: boxes are normalised, "
            "x by 1000 / page width and y by 1000 / page height"
        )
    return array.astype(np.int64, copy=False)


def _labels(labels: Any, count: int, where: str) -> list[int]:
    if len(labels) != count:
        raise ValueError(f"{where}{count} words and {len(labels)} labels: give one label per word")
    return [int(label) for label in labels]


def _refuse_string(name: str, value: Any) -> None:
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise ValueError(
            f"{name} is a {type(value).__name__}; words come as a list of strings, one per word, "
            "or for a batch as a list of such lists"
        )


def _strings(where: str, noun: str, values: Iterable[Any]) -> list[str]:
    if isinstance(values, str):
        raise ValueError(f"{where}: {values!r} is one string; give a list with one string per word")
    row = list(values)
    for index, value in enumerate(row):
        if not isinstance(value, str):
            raise ValueError(f"{where}: {noun} {index} is {value!r}, not a string")
    return row
