"""Learning from windows of subwords: what the taggers and the classifier share."""

from __future__ import annotations

from abc import abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import torch
from spacy.tokens import Doc
from spacy.training import Example
from torch import Tensor

from pageloom.inference.batching import batches_by_tokens
from pageloom.models.pretrained import PretrainedModel
from pageloom.pipes.layout_of_reference import with_layout, with_layout_tagged
from pageloom.pipes.trainable import Trainable
from pageloom.pipes.window_component import WindowComponent
from pageloom.processing.windows import SPECIAL_TOKENS, LayoutTokens, Window, frame_windows
from pageloom.training.learner import Learner
from pageloom.training.pictures import PageFeatures, Pixels
from pageloom.training.weighing import Weighing

if TYPE_CHECKING:
    from spacy.language import Language

__all__ = ["Batch", "TrainableWindows", "WindowRow"]

# A page's picture as the model takes it has 150 kB; training comes back to it in each epoch.
PICTURES_KEPT = 2000


class WindowRow(NamedTuple):
    """A window to learn from; `target` is what is right, `pixels` its page if the model sees."""

    tokens: LayoutTokens
    window: Window
    target: Any
    pixels: Pixels | None


class Batch(NamedTuple):
    """The model's inputs, and what is right for each row."""

    inputs: dict[str, Tensor]
    targets: list[Any]


class TrainableWindows(WindowComponent, Trainable):
    """A `WindowComponent` that learns. Each page's picture is encoded once a step.

    Args:
        name: the component's name in the pipeline.
        heads: as `WindowComponent` has them.
        label_smoothing: in training, the share of what is right that all labels have alike, 0 to
            less than 1.
        class_weights: in training, how much single labels count; those that are not named count 1.
        settings: `model`, `revision` and the others that `WindowComponent` has.
    """

    _pictures: OrderedDict[tuple[str, str, int], Pixels] | None = None

    def __init__(
        self,
        name: str,
        heads: type[PretrainedModel[Any]] | tuple[type[PretrainedModel[Any]], ...],
        *,
        label_smoothing: float = 0.0,
        class_weights: Mapping[str, float] | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(name, heads, **settings)
        self.weighing = Weighing(name, label_smoothing, class_weights)

    @abstractmethod
    def targets(self, example: Example, tokens: LayoutTokens) -> list[Any] | None:
        """What is right for each window; None where the example says nothing."""

    def weighed_labels(self) -> Sequence[str]:
        """What `class_weights` may name."""
        return self.labels

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Language | None = None,
        labels: list[str] | None = None,
    ) -> None:
        """As `Trainable.initialize`; a class weight of no label raises `ValueError` too."""
        super().initialize(get_examples, nlp=nlp, labels=labels)
        self.weighing.check(self.weighed_labels())

    def evaluated(self, examples: Iterable[Example]) -> list[Example]:
        """The examples to score; where spaCy's reader lost the layout, annotated anew with it."""
        return with_layout_tagged(self.name, self.pipe, examples)

    def rows(self, example: Example) -> list[WindowRow]:
        """The example's windows, encoded as for inference."""
        example = with_layout(example)
        doc = example.predicted
        tokens = self.tokens(doc)
        targets = self.targets(example, tokens)
        if targets is None:
            return []
        found = []
        for window, target in zip(tokens.windows, targets, strict=True):
            pixels = self._picture(doc, window.page) if self.checkpoint.sees_pages else None
            found.append(WindowRow(tokens, window, target, pixels))
        return found

    def batches(self, learner: Learner, rows: Sequence[WindowRow]) -> Iterator[Batch]:
        """Rows of like length together, with the features of their pages."""
        features: PageFeatures | None = None
        if self.checkpoint.sees_pages:
            pictures = [row.pixels for row in rows if row.pixels is not None]
            features = PageFeatures(learner, pictures)
        lengths = [row.window.end - row.window.start + SPECIAL_TOKENS for row in rows]
        for numbers in batches_by_tokens(lengths, self.batch_tokens):
            chosen = [rows[number] for number in numbers]
            framed = frame_windows(
                self.checkpoint.tokenizer, [(row.tokens, row.window) for row in chosen]
            )
            inputs = {
                name: torch.from_numpy(values).to(learner.device) for name, values in framed.items()
            }
            if features is not None:
                inputs["image_features"] = features.of(
                    [row.pixels for row in chosen if row.pixels is not None]
                )
            yield Batch(inputs, [row.target for row in chosen])
        if features is not None:
            features.learn()

    def _picture(self, doc: Doc, number: int) -> Pixels:
        if self._pictures is None:
            self._pictures = OrderedDict()
        page = next((page for page in doc._.pages if page.number == number), None)
        if page is None:
            raise ValueError(
                f"{doc._.source or 'a document'}: {self.name} learns from pictures, and "
                f"doc._.pages has no page {number}; give the corpus its pictures"
            )
        key = (page.source, page.sha256, number)
        if key not in self._pictures:
            self._pictures[key] = self.checkpoint.image_processor.pixels(page.image)
            if len(self._pictures) > PICTURES_KEPT:
                self._pictures.popitem(last=False)
        return self._pictures[key]

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> Self:
        """Use the model in the folder `path`. Raises `CheckpointError`."""
        self._learner = None
        return super().from_disk(path, exclude=exclude)

    def from_bytes(self, data: bytes, *, exclude: Iterable[str] = ()) -> Self:
        """Read what `to_bytes` gave. Raises `CheckpointError`."""
        self._learner = None
        return super().from_bytes(data, exclude=exclude)

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_learner": None, "_pictures": None}
