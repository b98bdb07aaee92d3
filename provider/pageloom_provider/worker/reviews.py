"""Reviews on the worker: what is asked of a person, and what becomes of the answer."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict

from pageloom_provider import shards
from pageloom_provider.quarantine import put_in_quarantine
from pageloom_provider.spec import Failure, Job, Manifest, Shard
from pageloom_provider.storage import location, written_aside
from pageloom_provider.worker.doubts import ReviewRules, is_of_position
from pageloom_provider.worker.records import docbin, merged, read_docs

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath
    from spacy.tokens import Doc

__all__ = [
    "Answer",
    "AskedField",
    "Decision",
    "Question",
    "Request",
    "apply_answer",
    "find_questions",
    "group_for_review",
    "keep_request",
    "kept_request",
    "value_key",
    "withdrawal_key",
]

log = logging.getLogger(__name__)

Decision = Literal["confirm", "leave", "quarantine"]
_OTHER_READINGS = 5


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AskedField(_Frozen):
    """One value of a form: what was read, or None; `others` are the label's further fields.

    `box` is where it stands on its page: x0, y0, x1, y1 on 0-1000.
    """

    label: str
    text: str | None
    score: float | None
    page: int | None
    box: tuple[int, int, int, int] | None = None
    others: tuple[str, ...]
    doubts: tuple[str, ...]


class Question(_Frozen):
    """One document of a form; `index` is its place in the shard, from 0."""

    index: int
    sha256: str
    source: str
    doubts: tuple[str, ...]
    fields: tuple[AskedField, ...]


class Answer(_Frozen):
    """What came back, from whom and when; nobody, where the time has run out.

    `values` are the form's, by `value_key` and `withdrawal_key`; a value that is missing is as it
    was read.
    """

    decision: Decision
    values: dict[str, Any]
    by: str
    by_id: str
    at: str
    timed_out: bool


class Request(_Frozen):
    """The questions of one task about a shard; with an answer that is not yet carried out."""

    shard: str
    questions: tuple[Question, ...]
    answer: Answer | None = None


def value_key(number: int, label: str) -> str:
    """The form's key of a value of the document `number`, from 1."""
    return f"{number}.{label}"


def withdrawal_key(number: int) -> str:
    """The form's key that sends the document `number`, from 1, to quarantine."""
    return f"{number}:quarantine"


def find_questions(
    shard: Shard, conn_id: str | None, rules: ReviewRules, labels: Sequence[str] | None, today: date
) -> list[Question]:
    """What is to be asked about a shard; empty where nobody needs to look at it.

    The form of a document has the fields of `labels`; by default those that are doubtful, then the
    others that it has, without the parts of positions.
    """
    import spacy

    found = []
    docs = read_docs(location(shard.uri, conn_id), spacy.blank("xx").vocab)
    for index, doc in enumerate(docs):
        doubts = rules.doubts(doc, today)
        if not doubts:
            continue
        shown = labels or [label for doubt in doubts for label in doubt.labels] + [
            label for label in doc._.fields if not is_of_position(label)
        ]
        found.append(
            Question(
                index=index,
                sha256=doc._.sha256,
                source=doc._.source or f"document {index + 1}",
                doubts=tuple(doubt.message for doubt in doubts),
                fields=tuple(
                    _asked(doc, label, [each.message for each in doubts if label in each.labels])
                    for label in dict.fromkeys(shown)
                ),
            )
        )
    return found


def keep_request(job: Job, request: Request) -> None:
    """Keep what is asked, or what came back, until the shard is written."""
    with written_aside(_request_path(job)) as file:
        file.write(request.model_dump_json(indent=2).encode() + b"\n")


def kept_request(job: Job) -> Request | None:
    """What this task has asked before; None where it has not, or has finished."""
    try:
        return Request.model_validate_json(_request_path(job).read_bytes())
    except FileNotFoundError:
        return None


def apply_answer(job: Job, request: Request) -> Shard:
    """The shard with what the person said; corrections are kept in `<work>/corrections`.

    The name derives from the shard's and from the answer, so a task that is tried again writes the
    same files.

    Raises:
        ValueError: There is no answer.
    """
    import spacy

    if request.answer is None:
        raise ValueError(f"the questions about {request.shard} have no answer")
    started = perf_counter()
    work = location(job.work, job.work_conn_id)
    source = location(request.shard, job.work_conn_id)
    before = shards.read_manifest(source)
    key = shards.text_hash(f"{source.name} {request.model_dump_json(exclude={'shard'})}")[:32]
    asked = {each.index: (n, each) for n, each in enumerate(request.questions, start=1)}
    docs: list[bytes] = []
    corrections: list[bytes] = []
    failures: list[Failure] = []
    pages = 0
    for index, doc in enumerate(read_docs(source, spacy.blank("xx").vocab)):
        if index in asked:
            reason = _carry_out(doc, *asked[index], request.answer, before)
            if reason is not None:
                failures.append(put_in_quarantine(job, _failure(doc, reason)))
                continue
        docs.append(docbin(doc))
        pages += len(doc._.pages)
        if index in asked and request.answer.decision == "confirm":
            corrections.append(_with_pictures(doc))
    manifest = Manifest(
        documents=len(docs),
        pages=pages,
        failures=(*(before.failures if before else ()), *failures),
        steps=before.steps if before else (),
        seconds=round(perf_counter() - started, 3),
    )
    if corrections:
        with written_aside(work / "corrections" / f"{key}{shards.SUFFIX}") as file:
            file.write(merged(corrections))
    path = work / f"reviewed-{key}{shards.SUFFIX}"
    shards.write_shard(path, merged(docs), manifest)
    _request_path(job).unlink(missing_ok=True)
    log.info(
        "%d of %d documents reviewed by %s (%s), %d put in quarantine -> %s",
        len(request.questions),
        len(docs) + len(failures),
        request.answer.by or "nobody",
        request.answer.decision,
        len(failures),
        path,
    )
    return shards.summary(path, manifest)


def group_for_review(
    sources: Sequence[Shard],
    *,
    work: str,
    conn_id: str | None,
    rules: ReviewRules,
    batch_size: int,
    today: date,
) -> list[Shard]:
    """New shards of the documents that a person is to see, `batch_size` in each, and the others.

    A shard of which nobody needs to see a document stays as it is. Names derive from the inputs, so
    a retry writes the same files again.
    """
    import spacy

    folder = location(work, conn_id)
    vocab = spacy.blank("xx").vocab
    made: list[Shard] = []
    waiting: list[tuple[str, Doc]] = []
    first: list[Manifest] = []

    def write(name: str, documents: Sequence[tuple[str, Doc]]) -> None:
        identities = [f"{source} {doc._.sha256}" for source, doc in documents]
        key = shards.text_hash(json.dumps([rules.model_dump_json(), identities]))[:32]
        path = folder / f"{name}-{key}{shards.SUFFIX}"
        manifest = Manifest(
            documents=len(documents),
            pages=sum(len(doc._.pages) for _, doc in documents),
            failures=(),  # they stay with the shards that they failed in
            steps=first[0].steps if first else (),
            seconds=0.0,
        )
        shards.write_shard(path, merged(docbin(doc) for _, doc in documents), manifest)
        made.append(shards.summary(path, manifest))

    for shard in sources:
        path = location(shard.uri, conn_id)
        manifest = shards.read_manifest(path)
        first += [manifest] if manifest and not first else []
        rest: list[tuple[str, Doc]] = []
        doubtful = 0
        for doc in read_docs(path, vocab):
            if not rules.doubts(doc, today):
                rest.append((path.name, doc))
                continue
            doubtful += 1
            waiting.append((path.name, doc))
            if len(waiting) == batch_size:
                write("review", waiting)
                waiting.clear()
        if not doubtful and rest and manifest and not manifest.failures:
            made.append(shards.summary(path, manifest))
        elif rest:
            write("clear", rest)
    if waiting:
        write("review", waiting)
    log.info("%d shards made of %d", len(made), len(sources))
    return made


def _asked(doc: Doc, label: str, doubts: Sequence[str]) -> AskedField:
    found = doc._.fields.get(label) or ()
    texts = [" ".join(field.text.split()) for field in found]
    best = found[0] if found else None
    return AskedField(
        label=label,
        text=texts[0] if texts else None,
        score=None if best is None else best.score,
        page=None if best is None else best.page,
        box=None if best is None else best.box,
        others=tuple(dict.fromkeys(text for text in texts[1:] if text != texts[0]))[
            :_OTHER_READINGS
        ],
        doubts=tuple(doubts),
    )


def _carry_out(
    doc: Doc, number: int, question: Question, answer: Answer, manifest: Manifest | None
) -> str | None:
    """Do with a document what the answer says; returns why it goes to quarantine, where it does."""
    from pageloom import DocumentError
    from pageloom.corpus.reviewing import correct
    from pageloom.fields import FieldValues

    nobody = "nobody answered the review in time"
    if answer.decision == "quarantine" or answer.values.get(withdrawal_key(number)) is True:
        return nobody if answer.timed_out else f"put in quarantine by {answer.by}"
    if answer.decision == "leave":
        if answer.timed_out:
            doc._.errors.append(DocumentError("review", "review", None, nobody))
        return None
    values = {
        asked.label: _text(answer.values.get(value_key(number, asked.label), asked.text))
        for asked in question.fields
    }
    settings = FieldValues.model_validate(_field_values(manifest))
    by, by_id = answer.by, answer.by_id
    review = correct(doc, values, by=by, by_id=by_id, at=answer.at, settings=settings)
    for field in review.fields:
        if field.corrected:
            where = "" if field.found or field.value is None else ", which no words say"
            log.info("%s: %s %r -> %r%s", question.source, field.label, field.read, field.value,
                     where)  # fmt: skip
    return None


def _text(value: Any) -> str | None:
    """A form's value; Airflow's page makes an object of a text that is JSON."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def _field_values(manifest: Manifest | None) -> Mapping[str, Any]:
    """How the last tagger that says so read values."""
    for step in reversed(manifest.steps if manifest else ()):
        for component in reversed(step.components):
            if given := component.settings.get("field_values"):
                return dict(given)
    return {}


def _failure(doc: Doc, reason: str) -> Failure:
    return Failure(
        uri=doc._.source,
        sha256=doc._.sha256 or None,
        component="review",
        category="review",
        page=None,
        message=reason,
    )


def _with_pictures(doc: Doc) -> bytes:
    """A `DocBin` of the document with its pages' pictures in it, where they can be opened."""
    from pageloom import DocumentOpenError, embed_images

    try:
        embed_images(doc)
    except DocumentOpenError as error:
        log.warning("a correction is kept without pictures: %s", error)
    return docbin(doc)


def _request_path(job: Job) -> ObjectStoragePath:
    parts: Iterator[str] = (job.run.get(key, "") for key in _TASK)
    name = shards.text_hash(json.dumps([job.shard and job.shard.uri, *parts]))[:32]
    return location(job.work, job.work_conn_id) / "reviews" / f"{name}.json"


_TASK = ("dag_id", "run_id", "task_id", "map_index")
