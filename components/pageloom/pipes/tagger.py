"""Token classification: what `layoutlmv2_tagger` and `lilt_tagger` are."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, ClassVar

from spacy.tokens import Doc, Span, SpanGroup
from spacy.util import filter_spans

from pageloom.document import Field
from pageloom.errors import CheckpointError
from pageloom.inference.decoding import Entity, TagScheme
from pageloom.inference.engine import Item
from pageloom.models.pretrained import PretrainedModel
from pageloom.pipes.window_component import Logits, WindowComponent

__all__ = ["Tagger"]


class Tagger(WindowComponent):
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
        settings: `revision`, `max_length`, `stride`, `batch_tokens`, `device` and `dtype`, as
            `WindowComponent` has them.
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
        **settings: Any,
    ) -> None:
        if not 0 <= threshold <= 1:
            raise ValueError(f"{name}: threshold={threshold}; use 0 to 1")
        super().__init__(name, self.model_class, model=model, **settings)
        self.spans_key = spans_key or name
        self.set_ents = set_ents
        self.threshold = threshold
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

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_scheme": None}


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
