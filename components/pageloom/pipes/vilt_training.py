"""How `vilt_vqa` learns answers of a fixed vocabulary."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy.typing as npt
import torch
from spacy.training import Example
from torch import Tensor

from pageloom.inference.batching import batches_by_tokens
from pageloom.inference.vilt import pair_inputs
from pageloom.models.losses import answer_loss
from pageloom.pipes.answer_scores import folded
from pageloom.pipes.answering import QuestionError
from pageloom.pipes.gold_answers import AnswerError, Asked, gold_questions
from pageloom.pipes.layout_of_reference import with_layout
from pageloom.pipes.question_training import Meeting, Picture, QuestionTraining
from pageloom.training.learner import Learner

if TYPE_CHECKING:
    from spacy.language import Language

__all__ = ["AnswerNames", "PageBatch", "PageRow", "ViltTraining"]


class AnswerNames:
    """The answers that a model knows, found by their texts; case and outer marks do not count.

    Args:
        names: in the order of the model's outputs.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self._places: dict[str, int] = {}
        for place, name in enumerate(self.names):
            self._places.setdefault(folded(name), place)
        # Names that differ in case only are told apart by those who write them so.
        self._places_as_written = {name: place for place, name in enumerate(self.names)}

    def place(self, text: str) -> int | None:
        """The model's output for an answer; None for an unknown one."""
        return self._places_as_written.get(text, self._places.get(folded(text)))


class PageRow(NamedTuple):
    """A question about pages, and how far each answer is right on one of them (0-1)."""

    ids: list[int]
    pictures: tuple[Picture, ...]
    target: dict[int, float]


class PageBatch(NamedTuple):
    """The model's inputs, a row for each page; how many pages each question has; (questions,
    answers), how far each answer is right.
    """

    inputs: dict[str, Tensor]
    pages: list[int]
    targets: Tensor


class ViltTraining(QuestionTraining[Any, Any]):
    """Learns how far each answer is right, as soft scores of 0-1.

    An answer of which it is known on which page it stands is learned there, and the question's
    other pages learn that no answer is right on them. Else the page that says most of an answer
    learns it, as it is the one that gives it.
    """

    scores = ("answers_em", "answers_f1", "answers_anls", "answers_acc")
    always_answers = True
    _names: AnswerNames | None = None
    _given: list[str] | None = None

    # -- labels: the answers -------------------------------------------------------------------

    @property
    def labels(self) -> tuple[str, ...]:
        """The answers that the model knows; empty as long as it is not here."""
        return self.checkpoint.labels

    @property
    def names(self) -> AnswerNames:
        """The model's answers, or those that `initialize` was given."""
        if self._names is None:
            self._names = AnswerNames(self.labels)
        return self._names

    def forget(self) -> None:
        """Drop the engine and the answers."""
        super().forget()
        self._names = None

    def labels_in(self, examples: Iterable[Example]) -> list[str]:
        """The answers of examples, in the order in which they come.

        One that differs from a known answer, or from one before, in case and outer marks only is
        the same.
        """
        found: dict[str, str] = {}
        for example in examples:
            for asked in gold_questions(example.reference):
                for text in (answer.text.strip() for answer in asked.told):
                    place = self.names.place(text)
                    known = None if place is None else self.names.names[place]
                    found.setdefault(known or folded(text), known or text)
        return list(found.values())

    def model_labels(self, labels: Sequence[str]) -> list[str]:
        """The answers themselves."""
        return list(labels)

    # -- before training -----------------------------------------------------------------------

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Language | None = None,
        labels: list[str] | None = None,
    ) -> None:
        """Look at all examples, and make the model ready for the answers.

        It begins as the checkpoint that the setting `model` names. Answers that this does not have
        start anew, and those that are not wanted are dropped; with the same ones all stays.

        Args:
            get_examples: gives the training examples.
            nlp: the pipeline.
            labels: the answers; by default those of the examples.

        Raises `CorpusError` that names every question that nothing can be learned from, also for an
        answer that is not among `labels`; and `CheckpointError`.
        """
        if labels is not None and len(set(labels)) < len(labels):
            raise ValueError(f"{self.name}: an answer comes twice among the labels")
        self._given = labels
        self._names = None if labels is None else AnswerNames(labels)
        try:
            super().initialize(get_examples, nlp=nlp, labels=labels)
        finally:
            self._given = None

    def problems(self, example: Example) -> Iterator[str]:
        """Questions that cannot be asked, answers without a label, missing pages."""
        pages = {page.number for page in example.predicted._.pages}
        questions = gold_questions(example.reference)
        if questions and not pages:
            yield f"{self.name} learns from pictures, and doc._.pages has none"
        for asked in questions:
            try:
                self._encoded(asked.question)
            except QuestionError as error:
                yield str(error)
            if self._given is not None:
                yield from self._unknown(asked)
            for number in sorted({a.page for a in asked.told if a.page is not None} - pages):
                if pages:
                    yield f"the answer to {asked.question!r} is on page {number}, which is missing"

    def _unknown(self, asked: Asked) -> Iterator[str]:
        names = self.names.names
        shown = ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
        for answer in asked.told:
            if self.names.place(answer.text.strip()) is None:
                yield (
                    f"the answer to {asked.question!r}, {answer.text!r}, is not among the labels: "
                    f"{shown}"
                )

    # -- training ------------------------------------------------------------------------------

    def rows(self, example: Example) -> list[PageRow]:
        """Each question with its pages. Raises `AnswerError` for an answer without a label."""
        example = with_layout(example)
        doc, found = example.predicted, []
        pages = [page.number for page in doc._.pages]
        for asked in gold_questions(example.reference):
            ids = self._encoded(asked.question)
            placed = [answer.page for answer in asked.told]
            # Where each answer's page is known, each page is a question of its own.
            apart = bool(placed) and all(page in pages for page in placed)
            for group in [[page] for page in pages] if apart else [pages]:
                target: dict[int, float] = {}
                for answer in asked.told:
                    if apart and answer.page not in group:
                        continue
                    place = self._place(doc._.source, asked, answer.text)
                    target[place] = max(answer.score, target.get(place, 0.0))
                shown = tuple(self.pictures.of(doc, page, self._pixels) for page in group)
                found.append(PageRow(ids, shown, target))
        return found

    def _place(self, source: str, asked: Asked, text: str) -> int:
        place = self.names.place(text.strip())
        if place is None:
            raise AnswerError(
                f"{source or 'an example'}: the answer to {asked.question!r}, {text!r}, is not "
                "among the model's labels; initialize the component first"
            )
        return place

    def _pixels(self, image: Any) -> npt.NDArray[Any]:
        pixels: npt.NDArray[Any] = self.checkpoint.image_processor(image)["pixel_values"][0]
        return pixels

    def batches(self, learner: Learner, rows: Sequence[PageRow]) -> Iterator[PageBatch]:
        """Questions of like length together, with the tokens of their pages."""
        rows = [row for row in rows if row.pictures]
        pictures = {picture.key: picture for row in rows for picture in row.pictures}
        places = {key: place for place, key in enumerate(pictures)}
        with torch.autocast(learner.device.type, learner.dtype, learner.mixed):
            meeting = Meeting(
                [
                    learner.base.embed_images(
                        torch.from_numpy(picture.pixels)[None].to(learner.device)
                    )[0][0]
                    for picture in pictures.values()
                ]
            )
        given = [[meeting.given[places[p.key]] for p in row.pictures] for row in rows]
        lengths = [
            len(shown) * (max(map(len, shown)) + len(row.ids))
            for row, shown in zip(rows, given, strict=True)
        ]
        answers = learner.model.config.num_labels
        for numbers in batches_by_tokens(lengths, self.batch_tokens):
            targets = torch.zeros(len(numbers), answers)
            for row, number in enumerate(numbers):
                for place, score in rows[number].target.items():
                    targets[row, place] = score
            shown = [each for number in numbers for each in given[number]]
            texts = [rows[number].ids for number in numbers for _ in given[number]]
            yield PageBatch(
                pair_inputs(shown, texts, learner.device),
                [len(given[number]) for number in numbers],
                targets.to(learner.device),
            )
        meeting.backward()

    def loss_of(self, learner: Learner, batch: PageBatch) -> tuple[Tensor, float]:
        """`answer_loss` of each answer's highest logit on any page, summed over the questions."""
        logits = learner.model(**batch.inputs).logits.float()
        highest = torch.stack([part.amax(0) for part in logits.split(batch.pages)])
        count = len(batch.pages)
        return answer_loss(highest, batch.targets) * count, count
