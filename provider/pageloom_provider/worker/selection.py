"""Shards made of other shards: the documents of some classes, in batches of another size."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any

from pageloom_provider import shards
from pageloom_provider.quarantine import put_in_quarantine
from pageloom_provider.spec import Failure, FieldRules, Job, Manifest, RouteRule, Shard
from pageloom_provider.storage import location
from pageloom_provider.worker.records import docbin, merged, read_docs

if TYPE_CHECKING:
    from spacy.tokens import Doc

__all__ = ["check_fields", "classify", "route_of", "select_documents"]

log = logging.getLogger(__name__)


def select_documents(
    sources: Sequence[Shard],
    *,
    work: str,
    conn_id: str | None,
    rules: Sequence[RouteRule],
    route: str | None,
    batch_size: int | None,
) -> list[Shard]:
    """New shards of the documents that take a route, or of all of them with `route` None.

    Without `batch_size` a shard becomes at most one shard. Names derive from the inputs' names and
    the rules, so a retry writes the same files again. Documents that are in quarantine already stay
    with the shards they failed in, and are not counted again.
    """
    import spacy

    started = perf_counter()
    folder = location(work, conn_id)
    given = json.dumps([[rule.model_dump() for rule in rules], route, batch_size])
    vocab = spacy.blank("xx").vocab
    made: list[Shard] = []
    waiting: list[tuple[str, Doc]] = []
    steps: list[Manifest] = []

    def write() -> None:
        identities = [given, *(f"{name} {doc._.sha256}" for name, doc in waiting)]
        key = shards.text_hash(json.dumps(identities))[:32]
        path = folder / f"{route or 'batch'}-{key}{shards.SUFFIX}"
        pages = sum(len(doc._.pages) for _, doc in waiting)
        manifest = Manifest(
            documents=len(waiting),
            pages=pages,
            failures=(),
            steps=steps[0].steps if steps else (),
            seconds=round(perf_counter() - started, 3),
        )
        if shards.read_manifest(path) is None:
            shards.write_shard(path, merged(docbin(doc) for _, doc in waiting), manifest)
        made.append(Shard(uri=str(path), documents=len(waiting), pages=pages))
        waiting.clear()

    for name, manifest, docs in _opened(sources, conn_id, vocab):
        if manifest is not None and not steps:
            steps.append(manifest)
        for doc in docs:
            if route is not None:
                label, score = classify(doc)
                taken = route_of(rules, label, score)
                if taken != route:
                    if taken is None:
                        log.warning("%s: no route for %s (%.2f)", doc._.source, label, score)
                    continue
            waiting.append((name, doc))
            if batch_size is not None and len(waiting) == batch_size:
                write()
        if batch_size is None and waiting:
            write()
    if waiting:
        write()
    log.info(
        "%d documents in %d shards, of %d shards",
        sum(shard.documents for shard in made),
        len(made),
        len(sources),
    )
    return made


def classify(doc: Doc) -> tuple[str | None, float]:
    """A document's best class and its score; (None, 0) where no classifier has seen it."""
    if not doc.cats:
        return None, 0.0
    label = max(doc.cats, key=lambda name: doc.cats[name])
    return label, float(doc.cats[label])


def route_of(rules: Sequence[RouteRule], label: str | None, score: float) -> str | None:
    """The first route that a class fits, else the one for all others, else None."""
    for rule in rules:
        if label in rule.classes and score >= rule.min_score:
            return rule.name
    return next((rule.name for rule in rules if rule.otherwise), None)


def check_fields(job: Job, rules: FieldRules) -> Shard:
    """A shard of the documents whose fields are as the rules say.

    The others are in quarantine, or, with `on_failure` "flag", in the shard with the reasons in
    `doc._.errors`. A finished shard is returned as it is.

    Raises:
        ValueError: The job has no shard.
    """
    import spacy

    from pageloom import DocumentError

    if job.shard is None:
        raise ValueError("there is no shard to check")
    started = perf_counter()
    source = location(job.shard.uri, job.work_conn_id)
    key = shards.text_hash(json.dumps([rules.model_dump(), source.name]))[:32]
    path = location(job.work, job.work_conn_id) / f"checked-{key}{shards.SUFFIX}"
    if finished := shards.read_manifest(path):
        log.info("finished by an earlier run: %s", path)
        return shards.summary(path, finished)
    before = shards.read_manifest(source)
    passed: list[bytes] = []
    pages = 0
    failures: list[Failure] = []
    for doc in read_docs(source, spacy.blank("xx").vocab):
        reasons = rules.broken_by(
            {
                label: (found[0].text, found[0].score)
                for label, found in doc._.fields.items()
                if found
            }
        )
        if reasons and rules.on_failure == "quarantine":
            failure = Failure(
                uri=doc._.source or "",
                sha256=doc._.sha256,
                component="checks",
                category="check",
                page=None,
                message="; ".join(reasons),
            )
            failures.append(put_in_quarantine(job, failure))
            continue
        if reasons:
            log.warning("%s: %s", doc._.source, "; ".join(reasons))
            doc._.errors = [
                *(error for error in doc._.errors if error.component != "checks"),
                *(DocumentError("checks", "check", None, reason) for reason in reasons),
            ]
        passed.append(docbin(doc))
        pages += len(doc._.pages)
    manifest = Manifest(
        documents=len(passed),
        pages=pages,
        failures=(*(before.failures if before else ()), *failures),
        steps=before.steps if before else (),
        seconds=round(perf_counter() - started, 3),
    )
    shards.write_shard(path, merged(passed), manifest)
    log.info("%d documents passed, %d failed the checks", len(passed), len(failures))
    return shards.summary(path, manifest)


def _opened(
    sources: Sequence[Shard], conn_id: str | None, vocab: Any
) -> Iterator[tuple[str, Manifest | None, Iterator[Doc]]]:
    for shard in sources:
        path = location(shard.uri, conn_id)
        yield path.name, shards.read_manifest(path), read_docs(path, vocab)
