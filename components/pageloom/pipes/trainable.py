"""What makes a component trainable: spaCy's `initialize`, `update` and `score`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from spacy.training import Example, validate_examples, validate_get_examples

from pageloom.inference.device import resolve_device, resolve_dtype
from pageloom.training.learner import Learner, own_share

if TYPE_CHECKING:
    from spacy.language import Language
    from torch import Tensor

    from pageloom.models.pretrained import PretrainedModel
    from pageloom.pipes.checkpoint import Checkpoint

__all__ = ["Trainable"]


class Trainable(ABC):
    """spaCy's protocol of a trainable component, over a PyTorch model.

    A subclass says what it learns from an example (`rows`), in which batches, with what loss, and
    how results are scored. The optimizer that spaCy gives moves the model
    (`pageloom.training.optimizing`). After each step `nlp` runs the model as it is by then.
    """

    name: str
    device: str
    dtype: str
    checkpoint: Checkpoint[PretrainedModel[Any]]
    is_trainable: ClassVar[bool] = True
    _learner: Learner | None = None

    # -- what a subclass gives -----------------------------------------------------------------

    @abstractmethod
    def labels_in(self, examples: Iterable[Example]) -> list[str]:
        """The labels that examples have, in the order in which they come."""

    @abstractmethod
    def model_labels(self, labels: Sequence[str]) -> list[str]:
        """What the model's outputs are called, for these labels."""

    @abstractmethod
    def rows(self, example: Example) -> list[Any]:
        """What there is to learn from an example. Raises `ValueError` for an unknown label."""

    @abstractmethod
    def batches(self, learner: Learner, rows: Sequence[Any]) -> Iterator[Any]:
        """The rows in batches, each as `loss_of` takes it."""

    @abstractmethod
    def loss_of(self, learner: Learner, batch: Any) -> tuple[Tensor, float]:
        """The sum of a batch's losses, and of how many."""

    @abstractmethod
    def score(self, examples: Iterable[Example], **kwargs: Any) -> dict[str, Any]:
        """Scores of what was predicted, for `nlp.evaluate`."""

    @abstractmethod
    def forget(self) -> None:
        """Drop what was made from the model, since it has changed."""

    # -- spaCy's protocol ----------------------------------------------------------------------

    @property
    def model(self) -> PretrainedModel[Any] | None:
        """The model that learns; None before it has begun to."""
        return None if self._learner is None else self._learner.model

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that the component knows."""
        return ()

    @property
    def label_data(self) -> list[str]:
        """What `spacy init labels` writes, and `initialize` takes as `labels`."""
        return list(self.labels)

    @property
    def learner(self) -> Learner:
        """The model, made ready to learn. Raises `CheckpointError`."""
        if self._learner is None:
            device = resolve_device(self.device)
            self._learner = Learner(
                self.checkpoint.model, device, resolve_dtype(self.dtype, device)
            )
            # What its scores were worth, they are no more.
            self.checkpoint.calibration = None
            self.forget()
        return self._learner

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Language | None = None,
        labels: list[str] | None = None,
    ) -> None:
        """Make the model ready for the labels, before training begins.

        It begins as the checkpoint that the setting `model` names. Labels that this does not have
        start anew, and those that are not wanted are dropped; with the same labels all stays.

        Args:
            get_examples: gives the training examples.
            nlp: the pipeline.
            labels: by default those of the examples.

        Raises `CheckpointError` for a checkpoint of another architecture, and `ValueError` that
        names every example with a label that is not among `labels`.
        """
        validate_get_examples(get_examples, f"{type(self).__name__}.initialize")
        found = self.labels_in(get_examples())
        if labels is not None and (unknown := [each for each in found if each not in labels]):
            raise ValueError(
                f"{self.name}: the examples have labels that initialize was not given: "
                f"{', '.join(unknown)}; it was given {', '.join(labels)}"
            )
        wanted = list(labels) if labels is not None else found
        self._learner = None
        blank = not self.checkpoint.has_weights
        if wanted and (blank or sorted(wanted) != sorted(self.labels)):
            self.checkpoint.relabel(self.model_labels(wanted))
        self.forget()

    def update(
        self,
        examples: Iterable[Example],
        *,
        drop: float = 0.0,
        sgd: Any = None,
        losses: dict[str, float] | None = None,
    ) -> dict[str, float]:
        """Learn from examples; the step is taken here if an optimizer is given, else later.

        Args:
            examples: with what is right in `reference`, and the words, boxes and pages in
                `predicted`.
            drop: the probability of dropout, 0-1.
            sgd: the optimizer.
            losses: the mean loss is added under the component's name.
        """
        losses = {} if losses is None else losses
        losses.setdefault(self.name, 0.0)
        examples = list(examples)
        validate_examples(examples, f"{type(self).__name__}.update")
        learner = self.learner
        rows = [row for example in own_share(examples) for row in self.rows(example)]
        losses[self.name] += learner.learn(
            self.batches(learner, rows), lambda batch: self.loss_of(learner, batch), drop=drop
        )
        if sgd not in (None, False):
            self.finish_update(sgd)
        return losses

    def finish_update(self, sgd: Any) -> None:
        """Take a step by the gradients since the last one."""
        self.learner.step(sgd)
        self.forget()

    def use_params(self, params: Mapping[Any, Any] | None) -> Iterator[None]:
        """The averages that an optimizer keeps, in the parameters' place between both `next`."""
        if self._learner is None or not params:
            yield
            return
        with self._learner.averaged(params):
            self.forget()
            yield
        self.forget()
