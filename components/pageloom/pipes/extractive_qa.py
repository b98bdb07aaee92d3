"""The components `layoutlmv2_qa` and `lilt_qa`: answers that are words of the document."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
from spacy.tokens import Doc

from pageloom.document import Answer
from pageloom.errors import CheckpointError, DocumentOpenError
from pageloom.inference.answers import SpanLogits, best_spans
from pageloom.inference.device import resolve_device, resolve_dtype
from pageloom.inference.engine import inference_copy
from pageloom.inference.questions import QuestionEngine, QuestionItem
from pageloom.models import LayoutLMv2ForQuestionAnswering, LiltForQuestionAnswering
from pageloom.pipes.answering import QuestionError
from pageloom.pipes.checkpoint import Checkpoint
from pageloom.pipes.extractive_training import ExtractiveTraining
from pageloom.pipes.words import encode_doc
from pageloom.processing.questions import room_beside
from pageloom.processing.windows import LayoutTokens, check_window

__all__ = ["LayoutLMv2Qa", "LiltQa"]

_Result = list[list[SpanLogits]]


class ExtractiveQa(ExtractiveTraining):
    """Finds the words of a document that answer a question.

    For each question the `top_k` best answers are appended to `doc._.answers`, best first, with
    their tokens, page and score. "No answer" is one of the candidates: where it is among the best,
    there is an `Answer` with the text "" and its score, on no page. `best_spans` says how answers
    are chosen and scored. A document without words has no answer, with a score of 1.

    A question may take half of a window. Windows never straddle pages.

    It learns from the words that answer, or none, as `ExtractiveTraining` says.

    Args:
        name: the component's name in the pipeline.
        model: a folder, packaged name or hub id.
        revision: on the hub.
        questions: asked of every document, before its own `doc._.questions`.
        top_k: answers to a question.
        max_answer_length: words in an answer.
        max_length: subwords in a window, question and special tokens included.
        stride: subwords of the document that neighbouring windows share.
        batch_tokens, device, dtype: as in `AnsweringComponent`.
    """

    def __init__(
        self,
        name: str,
        *,
        model: str,
        revision: str | None = None,
        questions: Sequence[str] = (),
        top_k: int = 1,
        max_answer_length: int = 30,
        max_length: int = 512,
        stride: int = 128,
        batch_tokens: int = 4096,
        device: str = "auto",
        dtype: str = "auto",
    ) -> None:
        check_window(max_length, stride)
        for setting, value in (("top_k", top_k), ("max_answer_length", max_answer_length)):
            if value < 1:
                raise ValueError(f"{name}: {setting}={value}; use 1 or more")
        super().__init__(
            name,
            Checkpoint(self.head, model, revision, name),
            asked=questions,
            device=device,
            dtype=dtype,
            batch_tokens=batch_tokens,
        )
        self.top_k = top_k
        self.max_answer_length = max_answer_length
        self.max_length = max_length
        self.stride = stride

    def check(self) -> None:
        """Raise `CheckpointError` where model, tokenizer and settings do not agree."""
        checkpoint = self.checkpoint
        model = checkpoint.model
        # Where positions count from the padding's number, a window has fewer than the table.
        most = getattr(model.config, "max_window", model.config.max_position_embeddings)
        if self.max_length > most:
            raise CheckpointError(
                f"{checkpoint.name} has positions for {most} subwords; "
                f"set {self.name}'s max_length, now {self.max_length}, to at most that"
            )
        subwords = len(checkpoint.tokenizer)
        if subwords > model.config.vocab_size:
            raise CheckpointError(
                f"{checkpoint.name}: the tokenizer has {subwords} subwords and the model embeds "
                f"{model.config.vocab_size}; give the tokenizer that the model was trained with"
            )
        if model.config.num_labels != 2:
            raise CheckpointError(
                f"{checkpoint.name} has {model.config.num_labels} labels; {self.name} needs two, "
                "for the start and the end of an answer"
            )
        if checkpoint.sees_pages:
            _ = checkpoint.image_processor  # what is wrong with it is told at once

    def _make_engine(self) -> QuestionEngine:
        device = resolve_device(self.device)
        self.check()
        return QuestionEngine(
            inference_copy(self.checkpoint.model, device, resolve_dtype(self.dtype, device)),
            self.checkpoint.tokenizer,
            self.batch_tokens,
            max_length=self.max_length,
            stride=self.stride,
        )

    def _item(self, doc: Doc, questions: list[str]) -> QuestionItem | None:
        kept, ids = [], []
        for question in questions:
            try:
                ids.append(self._encoded(question))
                kept.append(question)
            except QuestionError as error:
                self._note(doc, error)
        if not kept:
            return None
        tokens = encode_doc(doc, self.checkpoint.tokenizer, self.max_length, self.stride)
        return QuestionItem(tokens, self._pixels(doc, tokens), kept, ids)

    def _encoded(self, question: str) -> npt.NDArray[np.int32]:
        if not isinstance(question, str) or not question.strip():
            raise QuestionError(f"{self.name}: {question!r} asks nothing; give a text")
        ids, _ = self.checkpoint.tokenizer.subwords(question.split())
        alone = room_beside(self.checkpoint.tokenizer, 0, self.max_length)
        most = min(self.max_length // 2, alone - 1)
        shown = question if len(question) <= 60 else question[:60] + "…"
        if not len(ids):
            raise QuestionError(f"{self.name}: {shown!r} has no character that the model knows")
        if len(ids) > most:
            raise QuestionError(
                f"{self.name}: {shown!r} has {len(ids)} subwords; ask in at most {most}, so that "
                f"max_length {self.max_length} leaves room for the document"
            )
        return ids

    def _pixels(self, doc: Doc, tokens: LayoutTokens) -> dict[int, npt.NDArray[np.uint8]]:
        pixels: dict[int, npt.NDArray[np.uint8]] = {}
        if not self.checkpoint.sees_pages:
            return pixels
        pages = {page.number: page for page in doc._.pages}
        for number in sorted(set(tokens.pages.tolist())):
            try:
                if number not in pages:
                    raise DocumentOpenError(
                        f"{doc._.source or 'a document'}: {self.name} needs the picture of page "
                        f"{number}, and doc._.pages has none; open documents with open_document",
                        category="missing",
                    )
                pixels[number] = self.checkpoint.image_processor.pixels(pages[number].image)
            except Exception as error:
                self._note(doc, error, page=number)
        return pixels

    def _ask(self, items: list[QuestionItem]) -> list[_Result]:
        engine: QuestionEngine = self.engine
        return engine.span_logits(items)

    def _answers(self, doc: Doc, item: QuestionItem, result: _Result) -> Iterator[Answer]:
        for question, windows in zip(item.questions, result, strict=True):
            if not windows and len(item.tokens.starts):
                continue  # no page could be looked at, and doc._.errors says why
            for found in best_spans(windows, top_k=self.top_k, max_words=self.max_answer_length):
                start, end = found.start, found.end
                text = "" if start is None else doc[start:end].text
                yield Answer(question, text, found.score, found.page, start, end, self.name)


class LayoutLMv2Qa(ExtractiveQa):
    """`ExtractiveQa` by a `LayoutLMv2ForQuestionAnswering`; a page's picture is encoded once for
    all questions, and a page whose picture cannot be opened is not read.
    """

    head = LayoutLMv2ForQuestionAnswering


class LiltQa(ExtractiveQa):
    """`ExtractiveQa` by a `LiltForQuestionAnswering`, in any language that its text model has."""

    head = LiltForQuestionAnswering
