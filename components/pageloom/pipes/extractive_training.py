"""How `layoutlmv2_qa` and `lilt_qa` learn where answers start and end."""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import torch
from spacy.training import Example
from torch import Tensor
from torch.nn import functional as F

from pageloom.errors import CheckpointError
from pageloom.inference.answers import SpanLogits, SpanTarget, span_targets
from pageloom.inference.batching import batches_by_tokens
from pageloom.inference.questions import QuestionItem, question_rows, row_length
from pageloom.models import LayoutLMv2Config
from pageloom.models.pretrained import PretrainedModel
from pageloom.pipes.answering import QuestionError
from pageloom.pipes.gold_answers import AnswerError, answer_words, gold_questions
from pageloom.pipes.layout_of_reference import with_layout
from pageloom.pipes.question_training import QuestionTraining
from pageloom.pipes.words import encode_doc
from pageloom.processing.questions import QuestionRow, frame_questions
from pageloom.training.learner import Learner
from pageloom.training.pictures import PageFeatures, Pixels

if TYPE_CHECKING:
    from spacy.language import Language

__all__ = ["ExtractiveTraining", "SpanBatch", "SpanRow", "span_losses"]

logger = logging.getLogger(__name__)


class SpanRow(NamedTuple):
    """A question beside a window, and where in the window its answer is."""

    row: QuestionRow
    target: SpanTarget
    pixels: Pixels | None


class SpanBatch(NamedTuple):
    """The model's inputs; for each row the (start, end) columns that are right, and its weight."""

    inputs: dict[str, Tensor]
    columns: list[list[tuple[int, int]]]
    weights: list[float]


def span_losses(start: Tensor, end: Tensor, columns: Sequence[Sequence[tuple[int, int]]]) -> Tensor:
    """The loss of each row, (rows,): with one right answer the mean of both cross-entropies.

    With several it is that of any of them being given: minus the logarithm of the sum of their
    probabilities, halved (Clark and Gardner 2018, section 3.2).

    Args:
        start, end: logits (rows, columns).
        columns: the (start, end) columns that are right in each row, one or more.
    """
    most = max(len(each) for each in columns)
    # A place that comes twice would count twice; the mask leaves what fills the rows out.
    places = torch.zeros(len(columns), most, 2, dtype=torch.long)
    mask = torch.zeros(len(columns), most, dtype=torch.bool)
    for row, each in enumerate(columns):
        places[row, : len(each)] = torch.tensor(each)
        mask[row, : len(each)] = True
    places = places.to(start.device)
    starts = F.log_softmax(start.float(), -1).gather(1, places[..., 0])
    ends = F.log_softmax(end.float(), -1).gather(1, places[..., 1])
    both = (starts + ends).masked_fill(~mask.to(start.device), -torch.inf)
    return -both.logsumexp(1) / 2


class ExtractiveTraining(QuestionTraining[QuestionItem, list[list[SpanLogits]]]):
    """Learns from the words that answer, window by window, encoded as for inference.

    A window without the answer learns to point at its first token, as "no answer" does.
    """

    head: ClassVar[type[PretrainedModel[Any]]]
    scores = ("answers_em", "answers_f1", "answers_anls")
    max_length: int
    stride: int
    max_answer_length: int

    @abstractmethod
    def check(self) -> None:
        """Raise `CheckpointError` where model, tokenizer and settings do not agree."""

    # -- labels: there are none ----------------------------------------------------------------

    def labels_in(self, examples: Iterable[Example]) -> list[str]:
        """None: an answer is words of its document."""
        return []

    def model_labels(self, labels: Sequence[str]) -> list[str]:
        """The model's two outputs."""
        return ["start", "end"]

    # -- before training -----------------------------------------------------------------------

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Language | None = None,
        labels: list[str] | None = None,
    ) -> None:
        """Look at all examples, and make the model ready, before training begins.

        It begins as the checkpoint that the setting `model` names; one with another head, or
        without weights, gets a new head, or new weights.

        Args:
            get_examples: gives the training examples.
            nlp: the pipeline.
            labels: none, or an empty list: answers are words of the documents.

        Raises `CorpusError` that names every question that nothing can be learned from, and
        `CheckpointError`.
        """
        if labels:
            raise ValueError(f"{self.name} has no labels; leave them out of its initialize")
        super().initialize(get_examples, nlp=nlp)
        if any(gold_questions(example.reference) for example in get_examples()):
            if not self._has_head():
                self.checkpoint.relabel(self.model_labels(()))
            self.check()
            self._warn(get_examples())

    def _has_head(self) -> bool:
        if not self.checkpoint.has_weights:
            return False
        try:
            return bool(self.checkpoint.config.num_labels == len(self.model_labels(())))
        except CheckpointError:
            return False  # another head; of another architecture, and relabel says so

    def problems(self, example: Example) -> Iterator[str]:
        """Questions that cannot be asked, answers that are not in the document, missing pages."""
        for asked in gold_questions(example.reference):
            try:
                self._encoded(asked.question)
                answer_words(example, asked)
            except (AnswerError, QuestionError) as error:
                yield str(error)
        if issubclass(self.head.config_class, LayoutLMv2Config):
            there = {page.number for page in example.predicted._.pages}
            used = {token._.page or 1 for token in example.predicted}
            for number in sorted(used - there):
                yield f"{self.name} learns from pictures, and doc._.pages has no page {number}"

    def _warn(self, examples: Iterable[Example]) -> None:
        """Say which answers are learned, or not even that, and will never be given."""
        long = [
            (example.reference._.source or f"example {number}", asked.question)
            for number, example in enumerate(examples, start=1)
            for asked in gold_questions(example.reference)
            if any(
                b - a > self.max_answer_length for a, b in answer_words(with_layout(example), asked)
            )
        ]
        if long:
            logger.warning(
                "%s: %d questions have an answer of more than max_answer_length=%d words, and it "
                "will not be given; the first is %r of %s",
                self.name, len(long), self.max_answer_length, long[0][1], long[0][0],
            )  # fmt: skip

    # -- training ------------------------------------------------------------------------------

    def rows(self, example: Example) -> list[SpanRow]:
        """Each question beside each window of the document.

        Raises `QuestionError` and `AnswerError`, which `initialize` would have told of.
        """
        questions = gold_questions(example.reference)
        if not questions:
            return []
        example = with_layout(example)
        doc, tokenizer = example.predicted, self.checkpoint.tokenizer
        tokens = encode_doc(doc, tokenizer, self.max_length, self.stride)
        found = []
        for asked in questions:
            ids = self._encoded(asked.question)
            rows = question_rows(tokenizer, tokens, ids, self.max_length, self.stride)
            bounds = [(window.start, window.end) for _, _, window in rows]
            answers = answer_words(example, asked)
            for row, target in zip(
                rows, span_targets(tokens.word_index, bounds, answers), strict=True
            ):
                if target.weight:
                    pixels = None
                    if self.checkpoint.sees_pages:
                        make = self.checkpoint.image_processor.pixels
                        pixels = self.pictures.of(doc, row[2].page, make).pixels
                    found.append(SpanRow(row, target, pixels))
        return found

    def batches(self, learner: Learner, rows: Sequence[SpanRow]) -> Iterator[SpanBatch]:
        """Rows of like length together, with the features of their pages."""
        tokenizer = self.checkpoint.tokenizer
        features: PageFeatures | None = None
        if self.checkpoint.sees_pages:
            pictures = [row.pixels for row in rows if row.pixels is not None]
            features = PageFeatures(learner, pictures)
        lengths = [row_length(tokenizer, row.row) for row in rows]
        for numbers in batches_by_tokens(lengths, self.batch_tokens):
            chosen = [rows[number] for number in numbers]
            framed, begins = frame_questions(tokenizer, [row.row for row in chosen])
            inputs = {
                name: torch.from_numpy(values).to(learner.device) for name, values in framed.items()
            }
            if features is not None:
                inputs["image_features"] = features.of(
                    [row.pixels for row in chosen if row.pixels is not None]
                )
            yield SpanBatch(
                inputs,
                [
                    [(begin + a, begin + b) for a, b in row.target.spans] or [(0, 0)]
                    for row, begin in zip(chosen, begins, strict=True)
                ],
                [row.target.weight for row in chosen],
            )
        if features is not None:
            features.learn()

    def loss_of(self, learner: Learner, batch: SpanBatch) -> tuple[Tensor, float]:
        """`span_losses`, summed by their weights."""
        output = learner.model(**batch.inputs)
        losses = span_losses(output.start_logits, output.end_logits, batch.columns)
        return losses @ losses.new_tensor(batch.weights), sum(batch.weights)
