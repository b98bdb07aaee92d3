"""Learning from questions with true answers: what the components that answer share."""

from __future__ import annotations

from abc import abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self, TypeVar

import numpy.typing as npt
import torch
from spacy.tokens import Doc
from spacy.training import Example, validate_get_examples
from torch import Tensor

from pageloom.corpus.problems import CorpusError, Problem
from pageloom.pipes.answer_scores import score_answers
from pageloom.pipes.answering import AnsweringComponent
from pageloom.pipes.gold_answers import gold_questions
from pageloom.pipes.layout_of_reference import with_layout, with_layout_tagged
from pageloom.pipes.trainable import Trainable

if TYPE_CHECKING:
    from spacy.language import Language

__all__ = ["Meeting", "Picture", "Pictures", "QuestionTraining"]

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")

# Of pictures as a model takes them: training comes back to them in each epoch.
BYTES_KEPT = 2**29


class Picture(NamedTuple):
    """A page as the model takes it; equal keys are the same page."""

    key: tuple[str, str, int]
    pixels: npt.NDArray[Any]


class Pictures:
    """Pages as a model takes them, the last ones kept.

    Args:
        component: for messages.
        most: bytes that are kept.
    """

    def __init__(self, component: str, most: int = BYTES_KEPT) -> None:
        self.component = component
        self.most = most
        self._bytes = 0
        self._kept: OrderedDict[tuple[str, str, int], Picture] = OrderedDict()

    def of(self, doc: Doc, number: int, make: Callable[[Any], npt.NDArray[Any]]) -> Picture:
        """A page of `doc`. `make` turns its image into pixels. Raises `ValueError` without one."""
        page = next((page for page in doc._.pages if page.number == number), None)
        if page is None:
            raise ValueError(
                f"{doc._.source or 'a document'}: {self.component} learns from pictures, and "
                f"doc._.pages has no page {number}; give the corpus its pictures"
            )
        key = (page.source, page.sha256, number)
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        picture = self._kept[key] = Picture(key, make(page.image))
        self._bytes += picture.pixels.nbytes
        while self._bytes > self.most and len(self._kept) > 1:
            self._bytes -= self._kept.popitem(last=False)[1].pixels.nbytes
        return picture


class Meeting:
    """What was computed of pictures once a step, for batches of questions about them.

    The batches' gradients meet in `given`, and go back through the pictures together.

    Args:
        computed: with the gradients' way back.
    """

    def __init__(self, computed: Sequence[Tensor]) -> None:
        self._computed = computed
        self.given = [each.detach().requires_grad_() for each in computed]

    def backward(self) -> None:
        """Send the gradients that have come on their way."""
        pairs = zip(self._computed, self.given, strict=True)
        met = [
            (each, given.grad)
            for each, given in pairs
            if each.requires_grad and given.grad is not None
        ]
        if met:
            torch.autograd.backward([each for each, _ in met], [grad for _, grad in met])


class QuestionTraining(AnsweringComponent[ItemT, ResultT], Trainable):
    """An `AnsweringComponent` that learns from the answers of the component "gold".

    The questions that are learned and scored are those that the reference has answers to.
    """

    scores: ClassVar[tuple[str, ...]]
    """What `score` gives, of the names that `score_answers` has."""
    always_answers: ClassVar[bool] = False
    """Whether "no answer" is nothing that the component says; then such questions have no score."""
    _pictures: Pictures | None = None

    @abstractmethod
    def problems(self, example: Example) -> Iterator[str]:
        """What is wrong with an example, so that nothing could be learned from it."""

    @property
    def pictures(self) -> Pictures:
        """The pages' pictures, as the model takes them."""
        if self._pictures is None:
            self._pictures = Pictures(self.name)
        return self._pictures

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Language | None = None,
        labels: list[str] | None = None,
    ) -> None:
        """Look at all examples, and make the model ready, before training begins.

        Args:
            get_examples: gives the training examples.
            nlp: the pipeline.
            labels: as in `Trainable.initialize`.

        Raises `CorpusError`, which names everything that is wrong with the examples; and
        `CheckpointError`.
        """
        validate_get_examples(get_examples, f"{type(self).__name__}.initialize")
        found = [
            Problem(
                example.reference._.source or "the training corpus", f"example {number}", message
            )
            for number, example in enumerate(get_examples(), start=1)
            for message in self.problems(with_layout(example))
        ]
        if found:
            raise CorpusError(found)
        self._pictures = None
        super().initialize(get_examples, nlp=nlp, labels=labels)

    def score(self, examples: Iterable[Example], **kwargs: Any) -> dict[str, Any]:
        """The means over questions of how good the best answer to each is, 0-1.

        `answers_em`, `answers_f1` and `answers_anls`, as `score_answers` has them. Questions that
        `predicted` was not asked are left out; without any question the scores are None.
        """
        pairs: list[tuple[str | None, dict[str, float]]] = []
        for example in with_layout_tagged(self.name, self.pipe, examples):
            given: dict[str, str] = {}
            for answer in example.predicted._.answers:
                if answer.component == self.name:
                    given.setdefault(answer.question, answer.text)
            put = self._questions(example.predicted)
            for asked in gold_questions(example.reference):
                if asked.question in put and (asked.told or not self.always_answers):
                    pairs.append((given.get(asked.question), asked.texts))
        found = score_answers(pairs)
        return {name: found.get(name) for name in self.scores}

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> Self:
        """Use the model in the folder `path`. Raises `CheckpointError`."""
        self._learner = self._pictures = None
        return super().from_disk(path, exclude=exclude)

    def from_bytes(self, data: bytes, *, exclude: Iterable[str] = ()) -> Self:
        """Read what `to_bytes` gave. Raises `CheckpointError`."""
        self._learner = self._pictures = None
        return super().from_bytes(data, exclude=exclude)

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_learner": None, "_pictures": None}
