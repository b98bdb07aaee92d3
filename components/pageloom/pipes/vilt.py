"""The components `vilt_vqa` and `vilt_matcher`: they look at the pages' pictures."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from spacy.tokens import Doc

from pageloom.document import Answer, Page
from pageloom.errors import CheckpointError
from pageloom.inference.device import resolve_device, resolve_dtype
from pageloom.inference.engine import inference_copy
from pageloom.inference.vilt import ViltEngine
from pageloom.models import ViltForImageAndTextRetrieval, ViltForQuestionAnswering
from pageloom.models.pretrained import PretrainedModel
from pageloom.pipes.answering import AnsweringComponent, QuestionError
from pageloom.pipes.checkpoint import Checkpoint
from pageloom.pipes.vilt_training import ViltTraining
from pageloom.processing import ViltProcessor

__all__ = ["ViltMatcher", "ViltVqa"]

ModelT = TypeVar("ModelT", bound=PretrainedModel[Any])

# Pictures that are in memory together: a file of a thousand pages must not need more.
PAGES_TOGETHER = 16


class ViltCheckpoint(Checkpoint[ModelT]):
    """A ViLT model with its processor, from one folder or hub id."""

    def _forget(self) -> None:
        super()._forget()
        self._processor: ViltProcessor | None = None

    @property
    def processor(self) -> ViltProcessor:
        """The processor beside the model. Raises `CheckpointError`."""
        if self._processor is None:
            self._processor = ViltProcessor.from_pretrained(self.folder)
        return self._processor

    def save(self, folder: Path) -> None:
        """Write model and processor, as the public library reads them too."""
        self.model.save_pretrained(folder)
        self.processor.save_pretrained(folder)

    # What the base reads beside the model is the processor's here.
    @property
    def tokenizer(self) -> Any:
        """The processor's."""
        return self.processor.tokenizer

    @property
    def image_processor(self) -> Any:
        """The processor's."""
        return self.processor.image_processor


@dataclass(frozen=True)
class _Item:
    questions: list[str]
    ids: list[list[int]]
    pages: list[Page]


@dataclass(frozen=True)
class _Result:
    """`logits` (questions, outputs) of each of the pages `numbers`, and the pages that failed."""

    numbers: list[int]
    logits: list[npt.NDArray[np.float32]]
    failed: list[tuple[int, Exception]]


class _ViltComponent(AnsweringComponent[_Item, _Result]):
    def _make_engine(self) -> ViltEngine:
        device = resolve_device(self.device)
        model = self.checkpoint.model
        subwords = len(self.checkpoint.tokenizer)
        if subwords > model.config.vocab_size:
            raise CheckpointError(
                f"{self.checkpoint.name}: the tokenizer has {subwords} subwords and the model "
                f"embeds {model.config.vocab_size}; give the tokenizer that the model was "
                "trained with"
            )
        dtype = resolve_dtype(self.dtype, device)
        return ViltEngine(inference_copy(model, device, dtype), self.batch_tokens)

    def _item(self, doc: Doc, questions: list[str]) -> _Item | None:
        kept, ids = [], []
        for question in questions:
            try:
                ids.append(self._encoded(question))
                kept.append(question)
            except QuestionError as error:
                self._note(doc, error)
        pages = list(doc._.pages)
        return _Item(kept, ids, pages) if kept and pages else None

    def _encoded(self, question: str) -> list[int]:
        if not isinstance(question, str) or not question.strip():
            raise QuestionError(f"{self.name}: {question!r} asks nothing; give a text")
        ids: list[int] = self.checkpoint.tokenizer(question)["input_ids"]
        most = self._positions
        if len(ids) > most:
            raise QuestionError(
                f"{self.name}: {_short(question)!r} has {len(ids)} subwords, and the model reads "
                f"{most}; say it more briefly"
            )
        return ids

    @property
    def _positions(self) -> int:
        """The subwords of a question that the model reads at most."""
        config: Any
        try:
            config = self.checkpoint.config
        except CheckpointError:
            # A checkpoint with another head, which training will give its own.
            kind = self.checkpoint.heads[0].config_class
            config = kind.from_file(self.checkpoint.folder / "config.json")
        most: int = config.max_position_embeddings
        return most

    def _ask(self, items: list[_Item]) -> list[_Result]:
        engine: ViltEngine = self.engine
        texts = [ids for item in items for ids in item.ids]
        first_text = np.cumsum([0, *(len(item.ids) for item in items)]).tolist()
        results = [_Result([], [], []) for _ in items]
        todo = [(number, page) for number, item in enumerate(items) for page in item.pages]
        for first in range(0, len(todo), PAGES_TOGETHER):
            pictures, owners = [], []
            for number, page in todo[first : first + PAGES_TOGETHER]:
                try:
                    pixels = self.checkpoint.image_processor(page.image)["pixel_values"][0]
                    pictures.append(engine.embed(pixels))
                    owners.append((number, page.number))
                except Exception as error:
                    results[number].failed.append((page.number, error))
            pairs = [
                (picture, text)
                for picture, (number, _) in enumerate(owners)
                for text in range(first_text[number], first_text[number + 1])
            ]
            rows = iter(engine.logits(pictures, texts, pairs))
            for number, page_number in owners:
                results[number].numbers.append(page_number)
                results[number].logits.append(np.stack([next(rows) for _ in items[number].ids]))
        return results

    def _answers(self, doc: Doc, item: _Item, result: _Result) -> Iterator[Answer]:
        for number, error in result.failed:
            self._note(doc, error, page=number)
        if not result.numbers:
            return
        logits = np.stack(result.logits)
        if not np.isfinite(logits).all():
            raise ValueError(
                f"the model's results are not numbers in dtype {self.dtype!r}; use float32"
            )
        for column, question in enumerate(item.questions):
            yield from self._ranked(question, result.numbers, logits[:, column])

    def _ranked(
        self, question: str, pages: list[int], logits: npt.NDArray[np.float32]
    ) -> Iterator[Answer]:
        """The answers to one question from its logits (pages, outputs), best first."""
        raise NotImplementedError


class ViltVqa(ViltTraining, _ViltComponent):
    """Answers from a fixed vocabulary, by a look at each page (Kim et al. 2021, section 4.3).

    For each question the `top_k` answers that score best on any page are appended to
    `doc._.answers`, each with the page where it did. The model says of each answer by itself how
    far it is right, so a score is the logit's sigmoid, as in its training (binary cross-entropy);
    the best answer is the one with the highest logit, as in the reference's flow, and the scores
    of several answers do not sum to one.

    It learns from the answers of examples, whose texts are then its vocabulary (`ViltTraining`).

    Args:
        name: the component's name in the pipeline.
        model: a folder, packaged name or hub id of a `ViltForQuestionAnswering`.
        revision: on the hub.
        questions: asked of every document, before its own `doc._.questions`.
        top_k: answers to a question.
        batch_tokens, device, dtype: as in `AnsweringComponent`.
    """

    def __init__(
        self,
        name: str = "vilt_vqa",
        *,
        model: str,
        revision: str | None = None,
        questions: Sequence[str] = (),
        top_k: int = 1,
        batch_tokens: int = 4096,
        device: str = "auto",
        dtype: str = "auto",
    ) -> None:
        if top_k < 1:
            raise ValueError(f"{name}: top_k={top_k}; use 1 or more")
        super().__init__(
            name,
            ViltCheckpoint(ViltForQuestionAnswering, model, revision, name),
            asked=questions,
            device=device,
            dtype=dtype,
            batch_tokens=batch_tokens,
        )
        self.top_k = top_k

    def _ranked(
        self, question: str, pages: list[int], logits: npt.NDArray[np.float32]
    ) -> Iterator[Answer]:
        names = self.checkpoint.config.id2label
        best = logits.argmax(0)
        highest = logits.max(0)
        for label in np.argsort(-highest, kind="stable")[: self.top_k].tolist():
            score, page = _sigmoid(float(highest[label])), pages[int(best[label])]
            yield Answer(question, names[label], score, page, None, None, self.name)


class ViltMatcher(_ViltComponent):
    """How well each statement fits each page (Kim et al. 2021, section 4.4).

    Appends an `Answer` for each statement and page to `doc._.answers`, a statement's best page
    first: `question` is the statement, `score` the logit's sigmoid (how well it fits, whatever
    `text` says), `text` is "match" from `threshold` on and "no match" below. A model that was
    trained to rank pictures only, as the public ones, tells better from worse by its scores, and
    for these 0.5 means nothing: choose a `threshold` by examples.

    Args:
        name: the component's name in the pipeline.
        model: a folder, packaged name or hub id of a `ViltForImageAndTextRetrieval`.
        revision: on the hub.
        statements: about every document. `doc._.questions` are not statements, and not read.
        threshold: from which score (0-1) on it is a match.
        batch_tokens, device, dtype: as in `AnsweringComponent`.
    """

    def __init__(
        self,
        name: str = "vilt_matcher",
        *,
        model: str,
        revision: str | None = None,
        statements: Sequence[str] = (),
        threshold: float = 0.5,
        batch_tokens: int = 4096,
        device: str = "auto",
        dtype: str = "auto",
    ) -> None:
        if not 0 <= threshold <= 1:
            raise ValueError(f"{name}: threshold={threshold}; use 0 to 1")
        super().__init__(
            name,
            ViltCheckpoint(ViltForImageAndTextRetrieval, model, revision, name),
            asked=statements,
            device=device,
            dtype=dtype,
            batch_tokens=batch_tokens,
        )
        self.threshold = threshold

    def _questions(self, doc: Doc) -> list[str]:
        return list(dict.fromkeys(self.asked))

    def _ranked(
        self, question: str, pages: list[int], logits: npt.NDArray[np.float32]
    ) -> Iterator[Answer]:
        for row in np.argsort(-logits[:, 0], kind="stable").tolist():
            score = _sigmoid(float(logits[row, 0]))
            text = "match" if score >= self.threshold else "no match"
            yield Answer(question, text, score, pages[row], None, None, self.name)


def _sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value)) if value > -700 else 0.0


def _short(text: str, most: int = 60) -> str:
    return text if len(text) <= most else text[:most] + "…"
