"""What a run holds in a ledger: claimed by the task that lists, kept by the one that exports."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pageloom_provider.spec import Pipeline, parse_components

if TYPE_CHECKING:
    from pageloom_provider.ledger import Ledger, Run
    from pageloom_provider.spec import Document, Failure, FoundDocument

__all__ = ["Claims", "Settings", "parse_settings"]

log = logging.getLogger(__name__)


class Settings(BaseModel):
    """What an operator's `ledger` argument may hold.

    Args:
        conn_id: The connection of an SQLite or PostgreSQL database.
        sqlite: Instead of `conn_id`, the path of an SQLite file on the worker.
        table: The ledger's table, made where it is missing.
        pipeline: Whose documents these are; by default the DAG's id.
        version: The pipeline's version: with a new one every document is done again.
        components: The components of the whole pipeline, as operators take them. Where they are
            given, their settings, their checkpoints and pageloom's version belong to the version.
        new: What counts as new. "content": what has not been seen, by its hash. "name": the same,
            but files whose name has been seen are not even opened. "all": everything that no other
            run is at work on.
        max_attempts: How often a document is begun by runs that end without finishing it, before
            it counts as failed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    conn_id: str | None = None
    sqlite: str | None = None
    table: str = "pageloom_ledger"
    pipeline: str | None = None
    version: str = "1"
    components: list[Any] | dict[str, Any] | None = None
    new: Literal["content", "name", "all"] = "content"
    max_attempts: int = Field(default=5, ge=1)


def parse_settings(settings: Any) -> Settings | None:
    """The settings of an operator's `ledger` argument: a dict, or None for no ledger.

    Raises:
        ValueError: It is neither, or has an unknown key, or names no database or two.
    """
    if settings is None or isinstance(settings, Settings):
        return settings
    try:
        parsed = Settings.model_validate(settings)
    except ValidationError as error:
        reasons = "; ".join(
            f"{'.'.join(map(str, problem['loc'])) or 'ledger'}: {problem['msg']}"
            for problem in error.errors()
        )
        raise ValueError(f"not a ledger: {settings!r} ({reasons})") from error
    if (parsed.conn_id is None) == (parsed.sqlite is None):
        raise ValueError(f"ledger: give `conn_id` or `sqlite`, one of the two: {settings!r}")
    return parsed


class Claims:
    """The documents that one run holds in a ledger."""

    def __init__(self, settings: Settings, ledger: Ledger, run: Run, instance: Any) -> None:
        self.settings = settings
        self.ledger = ledger
        self.run = run
        self.pipeline = settings.pipeline or run.dag_id
        self._instance = instance

    @classmethod
    def open(cls, settings: Any, context: Mapping[str, Any]) -> Claims | None:
        """The claims of a task's run, by its operator's `ledger` argument; None without one."""
        from pageloom_provider.ledger import Ledger, Run

        parsed = parse_settings(settings)
        if parsed is None:
            return None
        instance = context.get("ti")
        run = Run(str(getattr(instance, "dag_id", "")), str(context["run_id"]))
        ledger = Ledger.open(parsed.conn_id, parsed.sqlite, parsed.table)
        return cls(parsed, ledger, run, instance)

    @cached_property
    def version(self) -> str:
        """The pipeline's version, with the hash of its components where they are given."""
        if self.settings.components is None:
            return self.settings.version
        from pageloom_provider.worker import describe

        step = describe(Pipeline(components=parse_components(self.settings.components)))
        return f"{self.settings.version}-{step.settings[:16]}"

    def seen_names(self) -> frozenset[str]:
        """The URIs that need not be opened, because their name alone counts as seen."""
        if self.settings.new != "name":
            return frozenset()
        return self.ledger.names(self.pipeline, self.version)

    def claimed(self, documents: Sequence[Document]) -> list[Document]:
        """Claim documents; returns those that are this run's to do."""
        return self.ledger.claim(
            documents,
            self.run,
            self._is_over,
            pipeline=self.pipeline,
            version=self.version,
            new=self.settings.new,
            max_attempts=self.settings.max_attempts,
        )

    def kept(self, documents: Sequence[FoundDocument], cursor: Any = None) -> list[FoundDocument]:
        """The documents that are still this run's; the log names the others.

        With a cursor of a `transaction`, they stay this run's until it ends.
        """
        held = self.ledger.held(self.run, self.pipeline, cursor)
        for document in documents:
            if document.document_sha256 not in held:
                log.warning("%s: not claimed by this run: left out", document.document_uri)
        return [document for document in documents if document.document_sha256 in held]

    def settle(
        self, documents: Sequence[FoundDocument], failures: Sequence[Failure], cursor: Any = None
    ) -> None:
        """Write which documents are done and which failed, in a transaction if it is given one."""
        from pageloom_provider.ledger import identity
        from pageloom_provider.tables import transaction

        if cursor is None:
            with transaction(self.ledger.hook) as own:
                self.settle(documents, failures, own)
            return
        done = [document.document_sha256 for document in documents]
        failed = {
            identity(failure.uri, failure.sha256): f"{failure.message} ({failure.component})"
            for failure in failures
        }
        self.ledger.settle(self.run, self.pipeline, cursor, done, failed)

    def _is_over(self, run: Run) -> bool:
        """Whether Airflow says that a run has ended, or knows nothing of it any more."""
        from airflow.sdk.exceptions import AirflowRuntimeError

        if self._instance is None:
            return False
        try:
            state = self._instance.get_dagrun_state(run.dag_id, run.run_id)
        except AirflowRuntimeError as error:
            if (error.error.detail or {}).get("status_code") == HTTPStatus.NOT_FOUND:
                return True
            raise
        return state in ("success", "failed")
