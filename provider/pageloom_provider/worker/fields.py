"""The fields of documents, as rows for a table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pageloom_provider import shards
from pageloom_provider.spec import FieldRow, FoundAnswer, FoundDocument, Manifest, Shard
from pageloom_provider.storage import location
from pageloom_provider.worker.records import read_docs

if TYPE_CHECKING:
    from spacy.tokens import Doc

__all__ = ["found_documents"]


def found_documents(
    results: list[Shard], conn_id: str | None = None
) -> Iterator[tuple[Manifest | None, list[FoundDocument]]]:
    """The documents of each shard with their fields, and the shard's manifest where it has one."""
    import spacy

    vocab = spacy.blank("xx").vocab
    for shard in results:
        path = location(shard.uri, conn_id)
        manifest = shards.read_manifest(path)
        model, version = _tagging_model(manifest)
        pageloom_version = manifest.steps[-1].pageloom if manifest else None
        found = [
            FoundDocument(
                document_sha256=doc._.sha256,
                document_uri=doc._.source,
                status=doc._.status,
                pages=len(doc._.pages),
                fields=tuple(_rows(doc)),
                answers=tuple(_answers(doc)),
                classes=dict(doc.cats),
                errors=tuple(error.message for error in doc._.errors),
                model=model,
                model_version=version,
                pageloom_version=pageloom_version,
            )
            for doc in read_docs(path, vocab)
        ]
        yield manifest, found


def _rows(doc: Doc) -> Iterator[FieldRow]:
    from pageloom.corpus.reviewing import reviews_of

    reviews = {field.label: review for review in reviews_of(doc) for field in review.fields}
    for label, fields in sorted(doc._.fields.items()):
        for rank, found in enumerate(fields):
            review = reviews.get(label) if rank == 0 else None
            yield FieldRow(
                label=label,
                rank=rank,
                # What the text means, where that is known; an IBAN with a slip stays as it stands.
                value=found.value or " ".join(found.text.split()),
                raw_text=doc[found.start : found.end].text,
                confidence=found.score,
                page=found.page,
                box=found.box,
                reviewed_by=None if review is None else review.by,
                reviewed_at=None if review is None else review.at,
            )


def _answers(doc: Doc) -> Iterator[FoundAnswer]:
    for answer in doc._.answers:
        span = None if answer.start is None else doc[answer.start : answer.end]
        yield FoundAnswer(
            question=answer.question,
            text=" ".join(answer.text.split()),
            confidence=answer.score,
            page=answer.page,
            box=span._.box if span else None,
            component=answer.component,
        )


def _tagging_model(manifest: Manifest | None) -> tuple[str | None, str | None]:
    """Name and version of the models that set the fields; the last step names the last."""
    named = [
        model
        for step in (manifest.steps if manifest else ())
        for key, model in step.models.items()
        if key.endswith(".model")
    ]
    if not named:
        return None, None
    name, _, version = named[-1].rpartition("@")
    return name, version
