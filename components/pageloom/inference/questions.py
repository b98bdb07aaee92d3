"""Questions about many documents through one extractive head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from pageloom.inference.answers import SpanLogits
from pageloom.inference.batching import batches_by_tokens
from pageloom.inference.engine import Engine, Item
from pageloom.models.pretrained import PretrainedModel
from pageloom.processing import BoxTokenizer
from pageloom.processing.questions import (
    QuestionRow,
    frame_questions,
    question_windows,
    room_beside,
)
from pageloom.processing.windows import SPECIAL_TOKENS, LayoutTokens

__all__ = ["QuestionEngine", "QuestionItem", "question_rows", "row_length"]


def question_rows(
    tokenizer: BoxTokenizer,
    tokens: LayoutTokens,
    question: npt.NDArray[np.int32],
    max_length: int,
    stride: int,
) -> list[QuestionRow]:
    """A question beside each part of a document, in inference as in training.

    `question`: int32 (subwords,); `max_length` and `stride` as in `QuestionEngine`.
    """
    room = room_beside(tokenizer, len(question), max_length)
    return [(question, tokens, window) for window in question_windows(tokens, room, stride)]


def row_length(tokenizer: BoxTokenizer, row: QuestionRow) -> int:
    """The tokens of a row, special tokens included."""
    question, _, window = row
    return len(question) + window.end - window.start + SPECIAL_TOKENS + tokenizer.pair_separators


@dataclass(frozen=True)
class QuestionItem(Item):
    """A document and what is asked of it.

    Args:
        questions: the texts.
        question_ids: int32 (subwords,) for each, without special tokens.
    """

    questions: Sequence[str]
    question_ids: Sequence[npt.NDArray[np.int32]]


class QuestionEngine(Engine):
    """Runs a question answering head of LayoutLMv2 or LiLT over documents.

    Args:
        model: the head, as made by `inference_copy`.
        tokenizer: says how question and words are framed.
        batch_tokens: most tokens in a batch, padding included.
        max_length: subwords in a window, question and special tokens included.
        stride: subwords of the document that neighbouring windows share.
    """

    def __init__(
        self,
        model: PretrainedModel[Any],
        tokenizer: BoxTokenizer,
        batch_tokens: int = 4096,
        *,
        max_length: int = 512,
        stride: int = 128,
    ) -> None:
        super().__init__(model, tokenizer, batch_tokens)
        self.words = tokenizer
        self.max_length = max_length
        self.stride = stride

    @torch.inference_mode()
    def span_logits(self, items: Sequence[QuestionItem]) -> list[list[list[SpanLogits]]]:
        """For each document and each of its questions, what the model says of each window.

        Where the model sees pages, each page's picture is encoded once for all questions, and
        windows on a page without a picture are left out.
        """
        visual = getattr(self._base(), "visual", None)
        places, features = self._encode_pages(items, visual) if visual else ({}, None)
        rows: list[QuestionRow] = []
        owners: list[tuple[int, int]] = []
        for document, item in enumerate(items):
            for number, ids in enumerate(item.question_ids):
                for row in question_rows(
                    self.words, item.tokens, ids, self.max_length, self.stride
                ):
                    if features is None or (document, row[2].page) in places:
                        rows.append(row)
                        owners.append((document, number))
        lengths = [row_length(self.words, row) for row in rows]
        found: list[SpanLogits | None] = [None] * len(rows)
        for batch in batches_by_tokens(lengths, self.batch_tokens):
            framed, begins = frame_questions(self.words, [rows[number] for number in batch])
            device = self.model.device
            inputs = {name: torch.from_numpy(array).to(device) for name, array in framed.items()}
            if features is not None:
                pages = [places[owners[number][0], rows[number][2].page] for number in batch]
                inputs["image_features"] = features[torch.tensor(pages, device=features.device)]
            output = self._retrying(inputs)
            starts = output.start_logits.float().cpu().numpy()
            ends = output.end_logits.float().cpu().numpy()
            for place, (number, begin) in enumerate(zip(batch, begins, strict=True)):
                _, tokens, window = rows[number]
                here = slice(begin, begin + window.end - window.start)
                found[number] = SpanLogits(
                    window.page,
                    tokens.word_index[window.start : window.end],
                    starts[place, here],
                    ends[place, here],
                    float(starts[place, 0]) + float(ends[place, 0]),
                )
        results: list[list[list[SpanLogits]]] = [[[] for _ in item.questions] for item in items]
        for (document, number), logits in zip(owners, found, strict=True):
            if logits is not None:
                results[document][number].append(logits)
        return results
