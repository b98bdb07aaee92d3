"""The parts of a deployment that say where documents come from, when, and what reads them."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    JsonValue,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import CoreSchema

from pageloom_provider.spec import Component, parse_components

__all__ = [
    "Duration",
    "Name",
    "Part",
    "Place",
    "Schedule",
    "Share",
    "Shorthand",
    "Source",
    "Step",
    "Text",
]

_PRESETS = (
    "@once",
    "@continuous",
    "@hourly",
    "@daily",
    "@weekly",
    "@monthly",
    "@quarterly",
    "@yearly",
)
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd])")


def _duration(given: Any) -> Any:
    if isinstance(given, str) and (match := _DURATION.fullmatch(given.strip())):
        return timedelta(seconds=float(match[1]) * _UNITS[match[2]])
    if isinstance(given, timedelta):
        return given
    raise ValueError("a duration is a number with s, m, h or d, such as 10m")


Duration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    WithJsonSchema({"type": "string", "pattern": r"^\d+(\.\d+)?\s*[smhd]$"}),
]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$", max_length=100)]
Text = Annotated[str, Field(min_length=1)]
Share = Annotated[float, Field(ge=0, le=1)]


def _is_cron(text: str) -> bool:
    # Airflow's own way to read cron expressions.
    from croniter import croniter  # type: ignore[import-untyped]

    return text in _PRESETS or (not text.startswith("@") and croniter.is_valid(text))


class Part(BaseModel):
    """A mapping in a deployment's file; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Shorthand(Part):
    """A part that may be written as its first key's value alone."""

    @classmethod
    def _main(cls) -> str:
        return next(iter(cls.model_fields))

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, given: Any) -> Any:
        return {cls._main(): given} if isinstance(given, str) else given

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        schema = handler.resolve_ref_schema(handler(core_schema))
        main = cls.model_fields[cls._main()].description
        return {"anyOf": [schema, {"type": "string", "minLength": 1, "description": main}]}


class Place(Shorthand):
    """A folder or file of object storage."""

    uri: Text = Field(description="A URI that ObjectStoragePath knows, or a path on the workers.")
    connection: Text | None = Field(None, description="The Airflow connection of the storage.")


class Source(Shorthand):
    """Where documents come from, and which of them a run reads."""

    uri: Text = Field(description="A folder or a file: a URI, or a path on the workers.")
    connection: Text | None = Field(None, description="The Airflow connection of the storage.")
    patterns: list[Text] | None = Field(
        None, description='Shell patterns of file names, such as "*.pdf". By default all that '
        "pageloom can read: PDF, PNG, JPEG, TIFF, WebP."
    )  # fmt: skip
    recursive: bool = Field(True, description="Whether to look into subfolders.")
    new: Literal["content", "name", "all"] = Field(
        "content",
        description="Which documents a run reads: those whose content no run with the same steps "
        "has read, those whose URI none has read, or all of them.",
    )


class Schedule(Shorthand):
    """When runs start: one of `cron`, `asset` and `watch`."""

    cron: Text | None = Field(
        None, description='A cron expression or "@daily" and its like, in the time zone.'
    )
    timezone: Text | None = Field(None, description='Of `cron`, such as "Europe/Berlin".')
    asset: Text | list[Text] | None = Field(
        None, description="The names of Airflow assets: a run starts when all have been updated."
    )
    any: bool = Field(False, description="Whether one of the assets is enough.")
    watch: bool | Text | None = Field(
        None,
        description="Start a run when documents appear or change in this folder; `true` is the "
        "source. Needs Airflow's triggerer.",
    )
    every: Duration = Field(
        timedelta(minutes=10), description="How often a watched folder is looked at."
    )

    @model_validator(mode="after")
    def _one(self) -> Self:
        given = [name for name in ("cron", "asset", "watch") if getattr(self, name)]
        if len(given) != 1:
            raise ValueError("give one of cron, asset and watch")
        if self.timezone and not self.cron:
            raise ValueError("timezone goes with cron")
        if self.cron and not _is_cron(self.cron):
            raise ValueError(f"{self.cron!r} is no cron expression")
        if self.timezone:
            try:
                ZoneInfo(self.timezone)
            except (ValueError, KeyError, OSError):
                raise ValueError(f"there is no time zone {self.timezone!r}") from None
        return self


class Step(Part):
    """One task over each batch of documents: a component, several, or a spaCy config."""

    component: Text | None = Field(None, description="A spaCy factory, such as ocr.")
    settings: dict[str, JsonValue] = Field(
        default_factory=dict, description="The component's settings; what is left out is default."
    )
    components: list[JsonValue] | dict[str, JsonValue] | None = Field(
        None,
        description="Instead of `component`, several in one task, in order: "
        "[{ocr: {lang: deu}}, {layout_tokenizer: {}}].",
    )
    config: Text | None = Field(
        None, description="Instead of `component`, a spaCy config or pipeline on the workers."
    )
    overrides: dict[str, JsonValue] = Field(
        default_factory=dict, description="Settings of `config` to replace, with dotted keys."
    )
    name: Name | None = Field(None, description="The task's name; by default the component's.")
    batch_size: int | None = Field(
        None, ge=1, description="Documents in a task from this step on. It waits for all batches "
        "of the step before."
    )  # fmt: skip
    device: Text | None = Field(None, description='"auto", "cpu", "cuda" or "cuda:1".')
    execution: Literal["local", "server"] = Field(
        "local", description="On a worker, or on the `pageloom serve` of the connection."
    )
    queue: Text | None = Field(None, description="The queue of the workers to run on.")
    pool: Text | None = Field(None, description="The Airflow pool to take slots of.")
    pool_slots: int = Field(1, ge=1)
    parallel: int | None = Field(None, ge=1, description="The most tasks of a run side by side.")
    priority: int = Field(1, description="Airflow's priority weight.")
    retries: int | None = Field(None, ge=0, description="By default the deployment's.")
    retry_delay: Duration | None = None
    timeout: Duration | None = Field(None, description="A task that takes longer is stopped.")
    executor: Text | None = Field(None, description="One of several executors.")
    pod_override: dict[str, JsonValue] | None = Field(
        None, description="For KubernetesExecutor: what a task's pod adds to the pod template, "
        "such as a GPU limit."
    )  # fmt: skip

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(one is not None for one in (self.component, self.components, self.config)) != 1:
            raise ValueError("give one of component, components and config")
        if self.settings and self.component is None:
            raise ValueError("settings go with component")
        if self.overrides and self.config is None:
            raise ValueError("overrides go with config")
        if self.device and self.component is None:
            raise ValueError("device goes with component; otherwise set it where the model is")
        if self.device and self.execution == "server":
            raise ValueError("device goes with execution: local; a server knows its own")
        if self.device and "device" in self.settings:
            raise ValueError("device is given twice: here and in settings")
        if self.component is not None and "factory" in self.settings:
            raise ValueError("factory goes with components: here, component is the factory")
        if not self.config and not self.parsed():
            raise ValueError("components are empty")
        return self

    def listed(self) -> list[dict[str, Any]] | None:
        """The components as `PipelineOperator` takes them; None for a `config`."""
        if self.component is not None:
            device = {"device": self.device} if self.device else {}
            return [{self.component: {**self.settings, **device}}]
        if self.components is None:
            return None
        return [{one.name: {**one.settings, "factory": one.factory}} for one in self.parsed()]

    def parsed(self) -> tuple[Component, ...]:
        """The components, checked; none for a `config`."""
        if self.component is not None:
            return (Component(name=self.component, factory=self.component, settings=self.settings),)
        return parse_components(self.components)

    @property
    def task_id(self) -> str:
        """The step's name, or its last component's."""
        if self.name or self.config:
            return self.name or "pipeline"
        return re.sub(r"[^A-Za-z0-9_-]", "_", self.parsed()[-1].name)
