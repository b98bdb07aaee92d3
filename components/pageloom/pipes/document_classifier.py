"""The component `document_classifier`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from spacy.scorer import Scorer
from spacy.tokens import Doc
from spacy.training import Example
from torch import Tensor

from pageloom.errors import CheckpointError
from pageloom.inference.engine import Item
from pageloom.models import LayoutLMv2ForSequenceClassification, LiltForSequenceClassification
from pageloom.pipes.window_component import Logits
from pageloom.pipes.window_training import Batch, TrainableWindows
from pageloom.processing.windows import LayoutTokens, check_window
from pageloom.training.learner import Learner

if TYPE_CHECKING:
    from spacy.language import Language

__all__ = ["DocumentClassifier"]

SEVERAL = "multi_label_classification"
ONE = "single_label_classification"
RIGHT = 0.5
"""A class whose value in `doc.cats` is at least this is one of the document's."""


class DocumentClassifier(TrainableWindows):
    """What kind of document it is, by a LayoutLMv2 or LiLT sequence classifier.

    Sets `doc.cats`: for each class of the model its probability, 0-1. They sum to 1, unless the
    model's `problem_type` is `multi_label_classification`, where each stands for itself. Categories
    of other components stay.

    Each page is classified by its first `max_length` subwords, and the document has the mean of its
    pages' probabilities. Such classifiers are trained on single pages cut off at the model's
    length, so the start of a page is what they know; a window from the middle of a long page is
    not. The mean lets every page vote alike, however many words it has. Pages without words have no
    vote, since a blank back page would only blur the result; where no page has words, a LayoutLMv2
    model goes by the pictures alone. A document that shows the model nothing has no category.

    Args:
        name: the component's name in the pipeline.
        model: a folder, packaged name or hub id; its config says which architecture it is.
        settings: `label_smoothing` and `class_weights`, as `TrainableWindows` has them; `revision`,
            `max_length`, `stride`, `batch_tokens`, `device` and `dtype`, as `WindowComponent` has
            them. `stride` changes no result: it is that of the windows left
            in `doc._.layout_tokens` for components with the same tokenizer.
    """

    def __init__(self, name: str = "document_classifier", *, model: str, **settings: Any) -> None:
        heads = (LayoutLMv2ForSequenceClassification, LiltForSequenceClassification)
        super().__init__(name, heads, model=model, **settings)

    @property
    def labels(self) -> tuple[str, ...]:
        """The model's classes; empty as long as the model is not here."""
        return self.checkpoint.labels

    @property
    def several(self) -> bool:
        """Whether a document may have several classes, or none. Raises `CheckpointError`."""
        return self.checkpoint.config.problem_type == SEVERAL

    def check(self) -> None:
        """Raise `CheckpointError` also for a model that gives a number and no class."""
        super().check()
        config = self.checkpoint.config
        # The reference, too, takes a single label for a number unless the config says otherwise.
        single = config.num_labels == 1 and config.problem_type is None
        if single or config.problem_type == "regression":
            raise CheckpointError(
                f"{self.checkpoint.name} is a regression model; {self.name} needs one that tells "
                "classes apart"
            )

    def tokens(self, doc: Doc) -> LayoutTokens:
        """The document's subwords, with one window a page."""
        tokens = super().tokens(doc)
        if len(tokens.starts):
            return _page_starts(tokens, check_window(self.max_length, 0))
        pages = [page.number for page in doc._.pages] if self.checkpoint.sees_pages else []
        return _with_windows(tokens, [(0, 0, number) for number in pages])

    def logits(self, items: list[Item]) -> list[Logits]:
        """For each document float32 (pages, classes)."""
        return self.engine.window_logits(items)

    def annotate(self, doc: Doc, item: Item, logits: Logits) -> None:
        """Write `doc.cats`."""
        labels = self.labels
        for label in labels:
            doc.cats.pop(label, None)
        seen = logits[~np.isnan(logits).any(1)].astype(np.float64)
        if len(seen):
            probabilities = (_sigmoid(seen) if self.several else _softmax(seen)).mean(0)
            for label, probability in zip(labels, probabilities.tolist(), strict=True):
                doc.cats[label] = min(1.0, probability)

    # -- training ------------------------------------------------------------------------------

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Language | None = None,
        labels: list[str] | None = None,
    ) -> None:
        """As `Trainable.initialize`; and settle whether a document has one class or several.

        It has several, each of which stands for itself, where the checkpoint says so, where an
        example has more than one class or none, and where there is but one class to tell.
        """
        super().initialize(get_examples, nlp=nlp, labels=labels)
        if self.labels and not self.several:
            several = len(self.labels) == 1 or any(
                len(_right(example.reference.cats)) != 1
                for example in get_examples()
                if example.reference.cats
            )
            self.checkpoint.set_problem(SEVERAL if several else ONE)

    def labels_in(self, examples: Iterable[Example]) -> list[str]:
        """The classes that examples have or expressly have not, in the order of their names."""
        return sorted({label for example in examples for label in example.reference.cats})

    def model_labels(self, labels: Sequence[str]) -> list[str]:
        """The classes themselves."""
        return list(labels)

    def targets(self, example: Example, tokens: LayoutTokens) -> list[Any] | None:
        """For each page the document's class, as its number.

        With several classes at once float (classes,), 0-1, and NaN for those that are not
        annotated. Documents without annotated classes, or with none where each has one, say
        nothing.
        """
        cats = example.reference.cats
        if not cats:
            return None
        labels, source = self.labels, example.reference._.source or "an example"
        if unknown := [label for label in cats if label not in labels]:
            raise ValueError(
                f"{source}: no class of the model is {', '.join(map(repr, unknown))}: "
                f"{', '.join(labels)}; initialize the component first"
            )
        if self.several:
            row = np.array([cats.get(label, np.nan) for label in labels], dtype=np.float32)
            return [row] * len(tokens.windows)
        right = _right(cats)
        if len(right) > 1:
            raise ValueError(
                f"{source}: is {' and '.join(right)}, and the model gives a document one class; "
                "initialize the component with examples that have several"
            )
        return [labels.index(right[0])] * len(tokens.windows) if right else None

    def loss_of(self, learner: Learner, batch: Batch) -> tuple[Tensor, float]:
        """Cross-entropy summed over pages; with several classes at once binary, over both."""
        logits = learner.model(**batch.inputs).logits
        targets = torch.from_numpy(np.stack(batch.targets))
        lossy = self.weighing.binary if self.several else self.weighing.cross_entropy
        return lossy(logits, targets, self.labels)

    def score(self, examples: Iterable[Example], **kwargs: Any) -> dict[str, Any]:
        """spaCy's scores of categories (`cats_score`, `cats_macro_f`, `cats_f_per_type`, ...), and
        `cats_acc`: the share of documents of which all that is annotated was found.

        `cats_score` is the macro F1; with several classes at once the macro AUC. A document that
        got no category, since it could not be read, counts as not found.
        """
        found = [each for each in self.evaluated(examples) if each.reference.cats]
        if self.several:
            scores = self._scored(found, _cats)
            return {**scores, "cats_acc": _accuracy(found, _decided)}
        # spaCy's scorer for exclusive classes cannot take a document without any.
        soft, scores = self._scored(found, self._full), self._scored(found, self._best)
        ranked = {key: value for key, value in soft.items() if "auc" in key}
        total = {"cats_score": scores["cats_macro_f"], "cats_score_desc": "macro F"}
        return {**scores, **ranked, **total, "cats_acc": _accuracy(found, self._best)}

    def _scored(
        self, examples: list[Example], getter: Callable[[Doc, str], dict[str, float]]
    ) -> dict[str, Any]:
        return Scorer.score_cats(
            examples, "cats", getter=getter, labels=self.labels, multi_label=True, threshold=RIGHT
        )

    def _full(self, doc: Doc, _: str) -> dict[str, float]:
        """The value of each class; nothing where there are none."""
        return {label: doc.cats.get(label, 0.0) for label in self.labels} if doc.cats else {}

    def _best(self, doc: Doc, _: str) -> dict[str, float]:
        """1 for the class of the highest value and 0 for the others; nothing without any."""
        values = self._full(doc, _)
        best = max(values, key=values.__getitem__, default=None)
        return {label: float(label == best and value > 0) for label, value in values.items()}


def _right(cats: Mapping[str, float]) -> list[str]:
    return [label for label, value in cats.items() if value >= RIGHT]


def _cats(doc: Doc, _: str) -> dict[str, float]:
    return dict(doc.cats)


def _decided(doc: Doc, _: str) -> dict[str, float]:
    return {label: float(value >= RIGHT) for label, value in doc.cats.items()}


def _accuracy(
    examples: Sequence[Example], decided: Callable[[Doc, str], dict[str, float]]
) -> float | None:
    """The share of examples whose annotated classes are all as decided; None without examples."""
    if not examples:
        return None
    right = 0
    for example in examples:
        gold, found = decided(example.reference, ""), decided(example.predicted, "")
        right += bool(found) and all(found.get(label) == value for label, value in gold.items())
    return right / len(examples)


def _page_starts(tokens: LayoutTokens, capacity: int) -> LayoutTokens:
    """The same subwords, with the first `capacity` of each page as its one window."""
    windows: dict[int, tuple[int, int]] = {}
    rows = (tokens.starts.tolist(), tokens.ends.tolist(), tokens.pages.tolist())
    for start, end, page in zip(*rows, strict=True):
        first, last = windows.get(page, (start, start))
        # A page that comes back later in the document goes on only in its first run.
        windows[page] = (first, max(last, end) if start <= last else last)
    return _with_windows(
        tokens,
        [(start, min(end, start + capacity), page) for page, (start, end) in windows.items()],
    )


def _with_windows(tokens: LayoutTokens, windows: Sequence[tuple[int, int, int]]) -> LayoutTokens:
    columns = np.array(windows, dtype=np.int32).reshape(-1, 3).T
    return replace(tokens, starts=columns[0], ends=columns[1], pages=columns[2])


def _softmax(logits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    powers = np.exp(logits - logits.max(1, keepdims=True))
    shares: npt.NDArray[np.float64] = powers / powers.sum(1, keepdims=True)
    return shares


def _sigmoid(logits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    # Through tanh, which no size of logit overflows.
    halves: npt.NDArray[np.float64] = 0.5 * (1 + np.tanh(0.5 * logits))
    return halves
