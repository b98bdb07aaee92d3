"""Windows of a question and a part of the document."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pageloom.processing.boxes import BoxTokenizer
from pageloom.processing.windows import SPECIAL_TOKENS, LayoutTokens, Window, window_bounds

__all__ = ["QuestionRow", "frame_questions", "question_windows", "room_beside"]

QuestionRow = tuple[npt.NDArray[np.int32], LayoutTokens, Window]
"""The ids of a question, a document, and the window of it that is beside the question."""


def room_beside(tokenizer: BoxTokenizer, question: int, max_length: int) -> int:
    """The document's subwords that fit into a window beside a question of so many subwords."""
    return max_length - SPECIAL_TOKENS - tokenizer.pair_separators - question


def question_windows(tokens: LayoutTokens, room: int, stride: int) -> list[Window]:
    """The document's windows of at most `room` subwords, whatever windows `tokens` has.

    None straddles pages. Neighbours share `stride` subwords, or half the room where that is less.
    """
    runs: list[tuple[int, int, int]] = []
    for window in tokens.windows:
        if runs and runs[-1][2] == window.page:
            runs[-1] = (runs[-1][0], window.end, window.page)
        else:
            runs.append((window.start, window.end, window.page))
    return [
        Window(first + start, first + end, page)
        for first, last, page in runs
        for start, end in window_bounds(last - first, room, min(stride, room // 2))
    ]


def frame_questions(
    tokenizer: BoxTokenizer, rows: Sequence[QuestionRow]
) -> tuple[dict[str, npt.NDArray[np.int64]], list[int]]:
    """A batch for the model, and the column in each row where the document's subwords begin.

    `input_ids`, `attention_mask` and `token_type_ids` (rows, longest), `bbox` (rows, longest, 4),
    as the tokenizer gives them for a question and words.
    """
    between = tokenizer.pair_separators
    extra = SPECIAL_TOKENS + between
    longest = max(len(ids) + window.end - window.start + extra for ids, _, window in rows)
    ids = np.full((len(rows), longest), tokenizer.pad_token_id, dtype=np.int64)
    segments, mask = np.zeros_like(ids), np.zeros_like(ids)
    boxes = np.empty((len(rows), longest, 4), dtype=np.int64)
    boxes[:] = tokenizer.pad_token_box  # the box of a question's subwords, too
    begins = []
    for row, (question, tokens, window) in enumerate(rows):
        inside = slice(window.start, window.end)
        asked = 1 + len(question)
        begin = asked + between
        stop = begin + window.end - window.start
        ids[row, 0], boxes[row, 0] = tokenizer.cls_token_id, tokenizer.cls_token_box
        ids[row, 1:asked] = question
        ids[row, asked:begin] = tokenizer.sep_token_id
        boxes[row, asked:begin] = tokenizer.sep_token_box
        ids[row, begin:stop], boxes[row, begin:stop] = (
            tokens.input_ids[inside],
            tokens.boxes[inside],
        )
        ids[row, stop], boxes[row, stop] = tokenizer.sep_token_id, tokenizer.sep_token_box
        segments[row, begin : stop + 1] = tokenizer.pair_segment
        mask[row, : stop + 1] = 1
        begins.append(begin)
    framed = {"input_ids": ids, "bbox": boxes, "attention_mask": mask, "token_type_ids": segments}
    return framed, begins
