"""What a deployment's YAML file may say: every key, its type, and what it means.

The same models check a file and make the JSON Schema that editors use.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any, Literal, Self

from pydantic import ConfigDict, Field, JsonValue, model_validator

from pageloom_provider.blueprint.parts import (
    Duration,
    Name,
    Part,
    Place,
    Schedule,
    Share,
    Shorthand,
    Source,
    Step,
    Text,
)
from pageloom_provider.blueprint.review import Review
from pageloom_provider.spec import OnError

__all__ = [
    "Alert",
    "Checks",
    "Deployment",
    "Ledger",
    "Limits",
    "Route",
    "Sink",
    "Table",
    "json_schema",
]


class Checks(Part):
    """What every document's fields must be."""

    required: list[Text] = Field(
        default_factory=list, description="Labels that a document must have a field of."
    )
    min_confidence: dict[str, Share] = Field(
        default_factory=dict, description="Label to the least confidence of its best field."
    )
    pattern: dict[str, Text] = Field(
        default_factory=dict,
        description="Label to the regular expression that its best field's text must match whole.",
    )
    on_failure: Literal["quarantine", "flag"] = Field(
        "quarantine",
        description="Put a document that fails in quarantine, or export it with status `partial` "
        "and the reasons.",
    )

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if not (self.required or self.min_confidence or self.pattern):
            raise ValueError("give required, min_confidence or pattern")
        for label, pattern in self.pattern.items():
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"pattern of {label} is no regular expression: {error}") from None
        return self


class Table(Shorthand):
    """An SQL table, made where it is missing; a document's rows replace its earlier ones."""

    name: Text = Field(description="The table, with a schema before a dot where it has one.")
    connection: Text | None = Field(None, description="Of an SQLite or PostgreSQL database.")
    sqlite: Text | None = Field(None, description="Instead, an SQLite file on the worker.")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.connection is None) == (self.sqlite is None):
            raise ValueError("give connection or sqlite")
        return self


class Ledger(Part):
    """Where it is kept which documents were done."""

    connection: Text | None = Field(None, description="Of an SQLite or PostgreSQL database.")
    sqlite: Text | None = Field(None, description="Instead, an SQLite file on the worker.")
    table: Text = "pageloom_ledger"
    max_attempts: int = Field(
        5, ge=1, description="How many runs may begin a document and not finish it."
    )

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.connection is None) == (self.sqlite is None):
            raise ValueError("give connection or sqlite")
        return self


class Sink(Part):
    """One place that results go to: a table, or a file for each run."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    table: Table | None = None
    jsonl: Place | None = Field(None, description="JSON lines, one a document.")
    parquet: Place | None = Field(None, description="Parquet, a row a field.")
    docbin: Place | None = Field(None, description="spaCy's DocBin, with everything found.")
    name: Name | None = Field(None, description="The task's name; by default export_<kind>.")
    queue: Text | None = None
    pool: Text | None = None

    @property
    def kind(self) -> str:
        """Which of the four it is."""
        return next(one for one in _SINKS if getattr(self, one) is not None)

    @property
    def task_id(self) -> str:
        """The task's name."""
        return self.name or f"export_{self.kind}"

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(getattr(self, one) is not None for one in _SINKS) != 1:
            raise ValueError(f"give one of {', '.join(_SINKS)}")
        return self


_SINKS = ("table", "jsonl", "parquet", "docbin")
_REVIEW = ("review_batches", "review")


class Route(Part):
    """A branch for the documents of some classes. A document takes the first route it fits."""

    name: Name
    classes: list[Text] = Field(
        default_factory=list, description="Classes that take this route, as the classifier's."
    )
    min_score: Share = Field(0.0, description="The least score of the document's best class.")
    otherwise: bool = Field(False, description="Take the documents that fit no other route.")
    steps: list[Step] = Field(default_factory=list)
    review: Review | None = Field(None, description="By default the deployment's.")
    checks: Checks | None = Field(None, description="By default the deployment's.")
    sinks: list[Sink] = Field(default_factory=list, description="By default the deployment's.")

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if self.otherwise == bool(self.classes):
            raise ValueError(f"route {self.name}: give classes, or otherwise: true")
        return self


class Limits(Part):
    """What a run may lose before someone hears of it."""

    failed_documents: int | None = Field(None, ge=0, description="More than this many.")
    failed_share: Share | None = Field(None, description="More than this share of the documents.")
    failed_tasks: int | None = Field(None, ge=0, description="More than this many.")

    @model_validator(mode="after")
    def _some(self) -> Self:
        if self.failed_documents is self.failed_share is self.failed_tasks is None:
            raise ValueError("give failed_documents, failed_share or failed_tasks")
        return self


class Alert(Part):
    """Tell someone when a run loses too much."""

    when: Limits
    notifier: Text | None = Field(
        None,
        description="The dotted name of an Airflow notifier's class.",
        pattern=r"^\w+(\.\w+)+$",
    )
    arguments: dict[str, JsonValue] = Field(
        default_factory=dict, description="Of the notifier; its templates see `summary`."
    )
    fail: bool = Field(False, description="Whether the run fails, too.")

    @model_validator(mode="after")
    def _some(self) -> Self:
        if not self.notifier and not self.fail:
            raise ValueError("give a notifier, or fail: true")
        if self.arguments and not self.notifier:
            raise ValueError("arguments go with notifier")
        return self


class Deployment(Part):
    """Documents in, fields out: a whole Airflow DAG."""

    id: str = Field(
        pattern=r"^[A-Za-z0-9_.-]+$", max_length=250, description="The DAG's id, unlike any other."
    )
    description: str = ""
    schedule: Schedule | None = Field(None, description="Null is: when someone starts it.")
    start: date | None = Field(None, description="The first day of a cron schedule.")
    paused: bool | None = Field(None, description="Whether a new deployment waits to be enabled.")
    tags: list[Text] = Field(default_factory=list)
    owner: Text | None = None
    params: dict[str, JsonValue] = Field(
        default_factory=dict,
        description="Values that templates read as {{ params.name }} and a run may replace.",
    )
    max_runs: int = Field(1, ge=1, description="The most runs side by side.")
    source: Source
    ledger: Ledger | None = Field(
        None,
        description="By default the database of the first table sink, else ledger.sqlite in a "
        "`work` folder on the workers' disk.",
    )
    version: Text = Field(
        "1", description="Another one has every document done again, as other steps have, too."
    )
    work: Place | None = Field(
        None,
        description="The folder for shards and the quarantine; by default Airflow's option "
        "[pageloom] work.",
    )
    quarantine: Text | None = Field(None, description="By default `quarantine` in `work`.")
    on_error: OnError = Field("quarantine", description="What becomes of an unreadable document.")
    connection: Text | None = Field(
        None, description="Of the type pageloom: hub, token, cache folder, device, server."
    )
    language: Text = Field("en", description="Of the spaCy pipeline.")
    reader: dict[str, JsonValue] = Field(
        default_factory=dict, description="Settings of pageloom.DocumentReader.v1: dpi, password."
    )
    embed_images: bool = Field(
        False, description="Pack the pages' pictures into shards: for files on one worker's disk."
    )
    batch_size: int = Field(16, ge=1, description="The most documents in a task.")
    retries: int = Field(2, ge=0)
    retry_delay: Duration = timedelta(seconds=30)
    timeout: Duration | None = Field(None, description="Of each task.")
    queue: Text | None = Field(None, description="Of all tasks that name no queue.")
    steps: list[Step] = Field(min_length=1)
    routes: list[Route] = Field(default_factory=list)
    review: Review | None = None
    checks: Checks | None = None
    sinks: list[Sink] = Field(default_factory=list)
    alerts: list[Alert] = Field(default_factory=list)
    produces: list[Text] = Field(
        default_factory=list, description="Airflow assets that a run without failed tasks updates."
    )

    @model_validator(mode="after")
    def _sound(self) -> Self:
        watch = self.schedule and self.schedule.watch
        if watch and "{{" in (watch if isinstance(watch, str) else self.source.uri):
            raise ValueError("a watched folder is looked at outside of any run: it has no template")
        _unique("route", [route.name for route in self.routes])
        if sum(route.otherwise for route in self.routes) > 1:
            raise ValueError("two routes say otherwise: true")
        for group in self.branches():
            _unique("task", group)
        if not self.sinks and not self.routes:
            raise ValueError("sinks is missing: nothing would be exported")
        for route in self.routes:
            if not self.sinks and not route.sinks:
                raise ValueError(f"route {route.name} has no sinks, nor has the deployment")
        if self.source.new != "all" and self.ledger_place() is None:
            raise ValueError(
                f"source.new: {self.source.new} needs a ledger, and `work` is not on a disk; give "
                "ledger: {connection: ...}, or new: all"
            )
        for sink in (*self.sinks, *(sink for route in self.routes for sink in route.sinks)):
            place = getattr(sink, sink.kind)
            if isinstance(place, Place) and "{{" not in place.uri and self.source.new != "all":
                raise ValueError(
                    f"{sink.kind} {place.uri}: every run writes its own file; name it after the "
                    "run: {{ run_id }}"
                )
        steps = (*self.steps, *(step for route in self.routes for step in route.steps))
        if self.connection is None and any(step.execution == "server" for step in steps):
            raise ValueError("execution: server needs a connection, which names the server")
        password = self.reader.get("password")
        if isinstance(password, str) and "{{" not in password:
            raise ValueError(
                "reader.password: a file is no place for a secret; take it from a connection: "
                '"{{ conn.archive.password }}"'
            )
        return self

    def ledger_place(self) -> Ledger | None:
        """The ledger given, or the one by default; None where there is none."""
        if self.ledger is not None:
            return self.ledger
        if self.source.new == "all":
            return None
        for sink in (*self.sinks, *(sink for route in self.routes for sink in route.sinks)):
            if sink.table is not None:
                place = {"connection": sink.table.connection, "sqlite": sink.table.sqlite}
                return Ledger.model_validate(place)
        if self.work is None or "://" in self.work.uri.removeprefix("file://"):
            return None
        return Ledger.model_validate({"sqlite": f"{self.work.uri.rstrip('/')}/ledger.sqlite"})

    def branches(self) -> Iterator[list[str]]:
        """The tasks' names: of the trunk, then of each route."""
        trunk = [step.task_id for step in self.steps]
        sinks = [] if self.routes else [sink.task_id for sink in self.sinks]
        yield ["list_documents", *trunk, *sinks, *_REVIEW, "check", "report"]
        for route in self.routes:
            steps = [step.task_id for step in route.steps]
            sinks = [sink.task_id for sink in route.sinks or self.sinks]
            yield ["select", *steps, *sinks, *_REVIEW, "check"]


def _unique(noun: str, names: list[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f'two {noun}s are called "{name}": give one another name')


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a deployment, for editors."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Deployment.model_json_schema(),
        "title": "pageloom deployment",
    }
