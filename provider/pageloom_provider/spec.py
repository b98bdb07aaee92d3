"""What tasks hand to each other, and what an operator's plain arguments must look like.

Operators take scalars, lists and dicts; these models check them at the edge, once, when a task
runs. Everything after that passes frozen values.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

__all__ = [
    "Component",
    "Document",
    "Failure",
    "FieldRow",
    "FieldRules",
    "FoundAnswer",
    "FoundDocument",
    "Job",
    "Manifest",
    "OnError",
    "Outcome",
    "Pipeline",
    "RouteRule",
    "Shard",
    "Step",
    "parse_components",
    "parse_documents",
    "parse_routes",
    "parse_rules",
    "parse_shard",
    "parse_shards",
]

OnError = Literal["quarantine", "fail"]

_Model = TypeVar("_Model", bound=BaseModel)


class _Frozen(BaseModel):
    # Built when first used: a DAG file that is only parsed uses none of them.
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class Document(_Frozen):
    """One document as `ListDocumentsOperator` lists it.

    `sha256` is the hash of its content and its identity; without one the task that reads the
    document computes it.
    """

    uri: str = Field(min_length=1)
    sha256: str | None = Field(default=None, pattern="^[0-9a-f]{64}$")
    size: int | None = Field(default=None, ge=0)


class Shard(_Frozen):
    """What a task returns: where its DocBin shard lies, and what it counted.

    `documents` and `pages` count what is in the shard; `failed` counts the documents of this
    batch that are in quarantine, those of earlier steps included.
    """

    uri: str = Field(min_length=1)
    documents: int = Field(default=0, ge=0)
    failed: int = Field(default=0, ge=0)
    pages: int = Field(default=0, ge=0)


class Component(_Frozen):
    """One spaCy component: its factory, its name in the pipeline, its settings."""

    name: str
    factory: str
    settings: dict[str, Any] = Field(default_factory=dict)


class Pipeline(_Frozen):
    """What a task runs: a spaCy config on disk, or a list of components.

    `config` is a config file or the folder of an assembled pipeline; `overrides` are spaCy's own,
    with dotted keys. `reader` holds the settings of `pageloom.DocumentReader.v1` (dpi, password).
    """

    config: str | None = None
    components: tuple[Component, ...] = ()
    overrides: dict[str, Any] = Field(default_factory=dict)
    language: str = "en"
    reader: dict[str, Any] = Field(default_factory=dict)


class Failure(_Frozen):
    """Why a document is in quarantine, and where its copy lies there (None with no copy)."""

    uri: str
    sha256: str | None
    component: str
    category: str
    page: int | None
    message: str
    quarantined: str | None = None


class Step(_Frozen):
    """One pipeline that worked on a shard: its settings, its models, and the hash of both."""

    settings: str
    components: tuple[Component, ...]
    models: dict[str, str]
    pageloom: str


class Job(_Frozen):
    """One batch: what to read, what to run, where to write. One of `documents` and `shard` is set.

    `quarantine` None is the folder `quarantine` in `work`. `embed_images` packs the pages' pictures
    of documents on this machine's disk into the shard. `device` is for components that have such a
    setting and were not given one. `run` says who asks (dag, task, run), for the record beside a
    quarantined document.
    """

    documents: tuple[Document, ...] | None
    shard: Shard | None
    pipeline: Pipeline
    work: str = Field(min_length=1)
    work_conn_id: str | None = None
    quarantine: str | None = None
    on_error: OnError = "quarantine"
    embed_images: bool = False
    device: str | None = None
    run: dict[str, str] = Field(default_factory=dict)


class Manifest(_Frozen):
    """Written beside a finished shard, after it: what a rerun needs, without opening the shard.

    `stages` are the seconds for which the batch waited for its reader and for each component;
    `devices` says where the models ran, as "cpu float32".
    """

    documents: int
    pages: int
    failures: tuple[Failure, ...]
    steps: tuple[Step, ...]
    seconds: float
    stages: dict[str, float] = Field(default_factory=dict)
    devices: dict[str, str] = Field(default_factory=dict)


class Outcome(_Frozen):
    """What a batch came to, and what this attempt did for it.

    `documents`, `pages` and `failed` count this attempt's own work: not what earlier attempts or
    earlier steps have done, and nothing where the shard was found finished.
    """

    shard: Shard
    manifest: Manifest
    documents: int = 0
    pages: int = 0
    failed: int = 0
    found_finished: bool = False


class FieldRow(_Frozen):
    """One field of one document: a row of the SQL table.

    `rank` counts the fields with the same label from 0, the most confident first. `value` is the
    normalised one (`2024-03-31`, `1234.50`) where the label's kind is known, else the text with
    white space tidied. `box` is on 0-1000, origin top left; None where the field has none.
    `reviewed_by` is the person who confirmed or corrected it, `reviewed_at` when, as ISO 8601.
    """

    label: str
    rank: int
    value: str
    raw_text: str
    confidence: float
    page: int | None
    box: tuple[int, int, int, int] | None
    reviewed_by: str | None = None
    reviewed_at: str | None = None


class FoundAnswer(_Frozen):
    """An answer to a question, with the component that gave it; `text` is empty for none."""

    question: str
    text: str
    confidence: float
    page: int | None
    box: tuple[int, int, int, int] | None
    component: str


class FoundDocument(_Frozen):
    """A document with what was found in it and where that comes from: a line of JSON lines."""

    document_sha256: str
    document_uri: str
    status: str
    pages: int
    fields: tuple[FieldRow, ...]
    answers: tuple[FoundAnswer, ...] = ()
    classes: dict[str, float] = Field(default_factory=dict)
    errors: tuple[str, ...]
    model: str | None
    model_version: str | None
    pageloom_version: str | None

    def rows(self) -> list[FieldRow]:
        """The fields, then the answers, each under its question; "no answer" is no row."""
        rows = list(self.fields)
        ranks: dict[str, int] = {}
        for answer in sorted(self.answers, key=lambda answer: -answer.confidence):
            if answer.text:
                rank = ranks[answer.question] = ranks.get(answer.question, -1) + 1
                rows.append(
                    FieldRow(
                        label=answer.question,
                        rank=rank,
                        value=answer.text,
                        raw_text=answer.text,
                        confidence=answer.confidence,
                        page=answer.page,
                        box=answer.box,
                    )
                )
        return rows


class FieldRules(_Frozen):
    """What a document's best field of each label must be, for a document to pass."""

    required: tuple[str, ...] = ()
    min_confidence: dict[str, float] = Field(default_factory=dict)
    pattern: dict[str, str] = Field(default_factory=dict)
    on_failure: Literal["quarantine", "flag"] = "quarantine"

    def broken_by(self, fields: Mapping[str, tuple[str, float]]) -> list[str]:
        """What is wrong with a document's fields, given as label -> (text, confidence)."""
        reasons = [f"no {label}" for label in self.required if label not in fields]
        for label, (text, confidence) in fields.items():
            least = self.min_confidence.get(label)
            if least is not None and confidence < least:
                reasons.append(f"{label} {text!r} has confidence {confidence:.2f} of {least:.2f}")
            pattern = self.pattern.get(label)
            if pattern is not None and not re.fullmatch(pattern, text):
                reasons.append(f"{label} {text!r} is not like {pattern}")
        return reasons


class RouteRule(_Frozen):
    """Which documents take a route: those of some classes, or those that take no other."""

    name: str = Field(min_length=1)
    classes: tuple[str, ...] = ()
    min_score: float = Field(default=0.0, ge=0, le=1)
    otherwise: bool = False


def parse_components(components: Any) -> tuple[Component, ...]:
    """Components from `[{"ocr": {...}}, ...]` or `{"ocr": {...}, ...}`, in order.

    A settings dict may hold `factory`, where the name in the pipeline is not the factory's own.

    Raises:
        ValueError: An entry is not one name with a dict of settings, or a name occurs twice.
    """
    if components is None:
        return ()
    entries: list[tuple[str, Any]]
    if isinstance(components, Mapping):
        entries = list(components.items())
    elif isinstance(components, str) or not isinstance(components, Sequence):
        raise ValueError(f"components must be a list or a dict, not {components!r}")
    else:
        entries = []
        for entry in components:
            if isinstance(entry, str):
                entries.append((entry, None))
            elif isinstance(entry, Mapping) and len(entry) == 1:
                entries.extend(entry.items())
            else:
                raise ValueError(
                    f'each entry of components is {{"name": {{settings}}}}, not {entry!r}'
                )
    parsed: list[Component] = []
    for name, settings in entries:
        if not isinstance(name, str) or not isinstance(settings, Mapping | None):
            raise ValueError(f"component {name!r} takes a dict of settings, not {settings!r}")
        if any(name == earlier.name for earlier in parsed):
            raise ValueError(
                f"component {name!r} occurs twice: give the second another name, and "
                f'"factory": {name!r} among its settings'
            )
        given = dict(settings or {})
        factory = given.pop("factory", name)
        parsed.append(Component(name=name, factory=factory, settings=given))
    return tuple(parsed)


def parse_routes(routes: Any) -> tuple[RouteRule, ...]:
    """Routes from a list of dicts `{name, classes, min_score, otherwise}`.

    Raises:
        ValueError: The list is not a list, or an entry is no route.
    """
    if isinstance(routes, str | Mapping) or not isinstance(routes, Sequence):
        raise ValueError(f"routes must be a list of dicts, not {routes!r}")
    return tuple(_parse(RouteRule, route, "route") for route in routes)


def parse_rules(**rules: Any) -> FieldRules:
    """Rules for fields, from plain values.

    Raises:
        ValueError: One of them is not what it must be.
    """
    return _parse(FieldRules, rules, "check")


def parse_documents(documents: Any) -> tuple[Document, ...]:
    """Documents from a list of dicts `{uri, sha256, size}` or of plain URIs.

    Raises:
        ValueError: The list is not a list, or an entry lacks `uri` or has an unknown key.
    """
    if isinstance(documents, str | Mapping) or not isinstance(documents, Sequence):
        raise ValueError(f"documents must be a list of URIs or dicts, not {documents!r}")
    return tuple(
        _parse(Document, {"uri": entry} if isinstance(entry, str) else entry, "document")
        for entry in documents
    )


def parse_shard(shard: Any) -> Shard:
    """A shard from what an earlier task returned, or from the plain URI of a DocBin file.

    Raises:
        ValueError: It is neither.
    """
    return _parse(Shard, {"uri": shard} if isinstance(shard, str) else shard, "shard")


def parse_shards(shards: Any) -> list[Shard]:
    """Shards from what a mapped task returned: a list, or one where it was not mapped.

    None, as from a task that was skipped, is no shard.

    Raises:
        ValueError: An entry is no shard.
    """
    if shards is None:
        return []
    if isinstance(shards, str | Mapping):
        return [parse_shard(shards)]
    return [parse_shard(shard) for shard in shards]


def _parse(model: type[_Model], value: Any, noun: str) -> _Model:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        reasons = "; ".join(
            f"{'.'.join(map(str, problem['loc'])) or noun}: {problem['msg']}"
            for problem in error.errors()
        )
        raise ValueError(f"not a {noun}: {value!r} ({reasons})") from error
