"""Token classification: what `layoutlmv2_tagger` and `lilt_tagger` are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from spacy.scorer import Scorer
from spacy.tokens import Doc, Span, SpanGroup
from spacy.training import Example
from spacy.util import filter_spans
from torch import Tensor

from pageloom.document import Field
from pageloom.errors import CheckpointError
from pageloom.fields import FieldValues, complete
from pageloom.inference.decoding import Entity, TagScheme
from pageloom.inference.engine import Item
from pageloom.models.pretrained import PretrainedModel
from pageloom.pipes.window_component import Logits
from pageloom.pipes.window_training import Batch, TrainableWindows
from pageloom.processing.windows import LayoutTokens, first_subwords
from pageloom.training.learner import Learner
from pageloom.training.weighing import IGNORED

__all__ = ["Tagger"]

LongArray = npt.NDArray[np.int64]


class Tagger(TrainableWindows):
    """Entities and fields by a token classifier.

    Sets `doc.spans[spans_key]` with `attrs["scores"]`, `doc._.fields` and, with `set_ents`,
    `doc.ents`. Documents of any length are cut into windows; those of all documents of a batch
    run together. Where the model sees pages, a page whose picture cannot be opened is recorded in
    `doc._.errors` and left untagged.

    Args:
        name: the component's name in the pipeline.
        model: a folder, packaged name or hub id.
        spans_key: the key in `doc.spans`; the component's name by default.
        set_ents: whether to write `doc.ents` as well; entities of other components stay where the
            new ones leave room.
        threshold: entities that score less (0-1) are dropped.
        label_all_subwords: whether a word's label trains all its subwords, and not the first alone,
            which decides in either case.
        field_values: how values are read: `kinds`, `languages`, `country` and `day_first`, as
            `pageloom.fields.FieldValues` has them.
        settings: `label_smoothing` and `class_weights`, which names kinds of entity or `O`, as
            `TrainableWindows` has them; `revision`, `max_length`, `stride`, `batch_tokens`,
            `device` and `dtype`, as `WindowComponent` has them.
    """

    model_class: ClassVar[type[PretrainedModel[Any]]]

    def __init__(
        self,
        name: str,
        *,
        model: str,
        spans_key: str | None = None,
        set_ents: bool = True,
        threshold: float = 0.0,
        label_all_subwords: bool = False,
        field_values: Mapping[str, Any] | None = None,
        **settings: Any,
    ) -> None:
        if not 0 <= threshold <= 1:
            raise ValueError(f"{name}: threshold={threshold}; use 0 to 1")
        super().__init__(name, self.model_class, model=model, **settings)
        self.spans_key = spans_key or name
        self.set_ents = set_ents
        self.threshold = threshold
        self.label_all_subwords = label_all_subwords
        self.field_values = FieldValues.of(field_values or {}, name)
        self._scheme: TagScheme | None = None

    @property
    def labels(self) -> tuple[str, ...]:
        """The kinds of entity that the model tells apart, without tag prefixes.

        Empty as long as the model is not here: spaCy asks for labels before it calls `from_disk`.
        """
        if not self.checkpoint.is_here:
            return ()
        try:
            return self.scheme.kinds
        except CheckpointError:
            return ()

    @property
    def scheme(self) -> TagScheme:
        """How the model's labels make entities. Raises `CheckpointError`."""
        if self._scheme is None:
            names = self.checkpoint.config.id2label
            self._scheme = TagScheme([names[index] for index in range(len(names))])
        return self._scheme

    def check(self) -> None:
        """Raise `CheckpointError` where model, tokenizer, settings and labels do not agree."""
        super().check()
        _ = self.scheme

    def forget(self) -> None:
        """Drop the engine and the labels."""
        super().forget()
        self._scheme = None

    def logits(self, items: list[Item]) -> list[Logits]:
        """For each document float32 (words, labels)."""
        return self.engine.token_logits(items)

    def annotate(self, doc: Doc, item: Item, logits: Logits) -> None:
        """Write the spans, fields and entities that the labels' logits make."""
        entities: list[Entity] = []
        for first, last in _page_runs(item):
            for entity in self.scheme.entities(logits[first:last], self.threshold):
                entities.append(
                    Entity(entity.label, first + entity.start, first + entity.end, entity.score)
                )
        spans = [Span(doc, entity.start, entity.end, label=entity.label) for entity in entities]
        scores = [entity.score for entity in entities]
        doc.spans[self.spans_key] = SpanGroup(
            doc, name=self.spans_key, spans=spans, attrs={"scores": scores}
        )
        if self.set_ents:
            # Sorted by length in filter_spans; the new ones must win over those already there.
            taken = {token for span in spans for token in range(span.start, span.end)}
            kept = [ent for ent in doc.ents if taken.isdisjoint(range(ent.start, ent.end))]
            doc.ents = filter_spans([*spans, *kept])
        fields = doc._.fields
        for label in self.scheme.kinds:
            fields.pop(label, None)
        for span, score in zip(spans, scores, strict=True):
            fields.setdefault(span.label_, []).append(
                Field(span.text, score, span._.page, span._.box, span.start, span.end)
            )
        for label in self.scheme.kinds:
            if label in fields:
                fields[label].sort(key=lambda field: -field.score)
        complete(doc, self.scheme.kinds, self.field_values, self.checkpoint.calibration)

    # -- training ------------------------------------------------------------------------------

    def labels_in(self, examples: Iterable[Example]) -> list[str]:
        """The kinds of entity that examples have, in the order of their names."""
        return sorted({entity.label_ for example in examples for entity in example.reference.ents})

    def model_labels(self, labels: Sequence[str]) -> list[str]:
        """`O`, and for each kind of entity a label to begin with and one to go on with."""
        return list(TagScheme.bio(labels).labels)

    def targets(self, example: Example, tokens: LayoutTokens) -> list[LongArray] | None:
        """The label of each subword of each window, -100 where it says nothing.

        What is right are the entities of the reference, whose tokens may be other ones; words that
        are not annotated are left out.
        """
        known, spans = _gold(example)
        if not known.any():
            return None
        try:
            of_word = self.scheme.encode(len(known), spans)
        except ValueError as error:
            source = example.reference._.source or "an example"
            raise ValueError(f"{source}: {error}; initialize the component first") from None
        of_word[~known] = IGNORED
        labels = of_word[tokens.word_index]
        if not self.label_all_subwords:
            labels[~first_subwords(tokens.word_index)] = IGNORED
        return [labels[window.start : window.end] for window in tokens.windows]

    def weighed_labels(self) -> Sequence[str]:
        """The kinds of entity, and `O` for words outside of any."""
        return ["O", *self.scheme.kinds]

    def loss_of(self, learner: Learner, batch: Batch) -> tuple[Tensor, float]:
        """Cross-entropy, summed over the subwords that have a label."""
        targets = torch.full(batch.inputs["input_ids"].shape, IGNORED)
        for row, labels in enumerate(batch.targets):
            targets[row, 1 : 1 + len(labels)] = torch.from_numpy(labels)
        logits = learner.model(**batch.inputs).logits
        names = [self._kind(label) for label in self.scheme.labels]
        return self.weighing.cross_entropy(logits.flatten(0, 1), targets.flatten(), names)

    def _kind(self, label: str) -> str:
        """`B-total` and `total` -> `total`; `O` -> `O`."""
        found = (kind for kind in self.scheme.kinds if label in (kind, f"{label[:1]}-{kind}"))
        return next(found, "O")

    def score(self, examples: Iterable[Example], **kwargs: Any) -> dict[str, Any]:
        """Precision, recall and F1 of entities, also by label: `ents_p`, `ents_per_type`, ..."""
        found: dict[str, Any] = Scorer.score_spans(
            self.evaluated(examples),
            "ents",
            getter=self._entities,
            has_annotation=lambda doc: doc.has_annotation("ENT_IOB"),
        )
        return found

    def _entities(self, doc: Doc, _: str) -> Iterable[Span]:
        mine = not self.set_ents and self.spans_key in doc.spans
        return list(doc.spans[self.spans_key]) if mine else doc.ents

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_scheme": None}


def _gold(example: Example) -> tuple[npt.NDArray[np.bool_], list[tuple[int, int, str]]]:
    """Which words of `predicted` are annotated, bool (words,), and the entities among them."""
    tags = example.get_aligned_ner()
    known = np.array([tag not in (None, "-") for tag in tags], dtype=bool)
    spans: list[tuple[int, int, str]] = []
    for word, tag in enumerate(tags):
        if not known[word] or tag == "O":
            continue
        prefix, _, kind = tag.partition("-")
        if prefix in ("I", "L") and spans and spans[-1][1:] == (word, kind):
            spans[-1] = (spans[-1][0], word + 1, kind)
        else:
            spans.append((word, word + 1, kind))
    return known, spans


def _page_runs(item: Item) -> Iterator[tuple[int, int]]:
    """The words of each page as (first, last + 1), so that no entity straddles two."""
    tokens = item.tokens
    edges: list[int] = []
    before: int | None = None
    for start, page in zip(tokens.starts.tolist(), tokens.pages.tolist(), strict=True):
        if page != before:
            edges.append(int(tokens.word_index[start]))
        before = page
    yield from pairwise([*edges, tokens.words])
