"""The component `document_classifier`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from spacy.tokens import Doc

from pageloom.errors import CheckpointError
from pageloom.inference.engine import Item
from pageloom.models import LayoutLMv2ForSequenceClassification, LiltForSequenceClassification
from pageloom.pipes.window_component import Logits, WindowComponent
from pageloom.processing.windows import LayoutTokens, check_window

__all__ = ["DocumentClassifier"]


class DocumentClassifier(WindowComponent):
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
        settings: `revision`, `max_length`, `stride`, `batch_tokens`, `device` and `dtype`, as
            `WindowComponent` has them. `stride` changes no result: it is that of the windows left
            in `doc._.layout_tokens` for components with the same tokenizer.
    """

    def __init__(self, name: str = "document_classifier", *, model: str, **settings: Any) -> None:
        heads = (LayoutLMv2ForSequenceClassification, LiltForSequenceClassification)
        super().__init__(name, heads, model=model, **settings)

    @property
    def labels(self) -> tuple[str, ...]:
        """The model's classes; empty as long as the model is not here."""
        if not self.checkpoint.is_here:
            return ()
        try:
            names = self.checkpoint.config.id2label
        except CheckpointError:
            return ()
        return tuple(names[index] for index in range(len(names)))

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
            several = self.checkpoint.config.problem_type == "multi_label_classification"
            probabilities = (_sigmoid(seen) if several else _softmax(seen)).mean(0)
            for label, probability in zip(labels, probabilities.tolist(), strict=True):
                doc.cats[label] = min(1.0, probability)


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
