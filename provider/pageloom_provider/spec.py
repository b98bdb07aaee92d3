"""What tasks hand to each other, and what an operator's plain arguments must look like.

Operators take scalars, lists and dicts; these models check them at the edge, once, when a task
runs. Everything after that passes frozen values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

__all__ = [
    "Component",
    "Document",
    "Failure",
    "FieldRow",
    "FoundDocument",
    "Job",
    "Manifest",
    "OnError",
    "Pipeline",
    "Shard",
    "Step",
    "parse_components",
    "parse_documents",
    "parse_shard",
]

OnError = Literal["quarantine", "fail"]

_Model = TypeVar("_Model", bound=BaseModel)


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


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
    """Written beside a finished shard, after it: what a rerun needs, without opening the shard."""

    documents: int
    pages: int
    failures: tuple[Failure, ...]
    steps: tuple[Step, ...]
    seconds: float


class FieldRow(_Frozen):
    """One field of one document: a row of the SQL table.

    `rank` counts the fields with the same label from 0, the most confident first. `box` is on
    0-1000, origin top left; None where the field has none.
    """

    label: str
    rank: int
    value: str
    raw_text: str
    confidence: float
    page: int | None
    box: tuple[int, int, int, int] | None


class FoundDocument(_Frozen):
    """A document with its fields and where they come from: a line of the JSON lines file."""

    document_sha256: str
    document_uri: str
    status: str
    pages: int
    fields: tuple[FieldRow, ...]
    errors: tuple[str, ...]
    model: str | None
    model_version: str | None
    pageloom_version: str | None


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


def _parse(model: type[_Model], value: Any, noun: str) -> _Model:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        reasons = "; ".join(
            f"{'.'.join(map(str, problem['loc'])) or noun}: {problem['msg']}"
            for problem in error.errors()
        )
        raise ValueError(f"not a {noun}: {value!r} ({reasons})") from error
