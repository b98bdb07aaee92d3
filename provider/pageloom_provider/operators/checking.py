"""Checking what was found in documents before it is exported."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from pageloom_provider.configuration import option
from pageloom_provider.operators.pipeline import run_of, work_folder
from pageloom_provider.spec import Job, Pipeline, parse_rules, parse_shard

if TYPE_CHECKING:
    from airflow.sdk import Context

__all__ = ["CheckFieldsOperator"]


class CheckFieldsOperator(BaseOperator):
    """Let the documents through whose fields are complete, sure and well-formed.

    Of several fields with one label the most confident counts. What fails goes to quarantine with
    the reasons, as an unreadable document does; or it is flagged: it is exported with the status
    `partial` and the reasons among its errors.

    Returns `{uri, documents, failed, pages}` of the shard of documents that were let through.

    Args:
        shard: The shard that an earlier task returned, or its URI.
        work: The folder for shards, as a URI that `ObjectStoragePath` knows or a path; by default
            Airflow's option `[pageloom] work`.
        required: Labels that a document must have a field of.
        min_confidence: Label to the least confidence, of 0-1, of a field that is there.
        pattern: Label to the regular expression that the text of a field that is there must
            match from end to end.
        on_failure: "quarantine" or "flag".
        quarantine: The folder for bad documents; by default `quarantine` in `work`.
        work_conn_id: The connection of the object storage that holds `work`.
    """

    template_fields: Sequence[str] = (
        "shard",
        "work",
        "required",
        "min_confidence",
        "pattern",
        "on_failure",
        "quarantine",
        "work_conn_id",
    )
    template_fields_renderers = {"min_confidence": "json", "pattern": "json", "shard": "json"}

    def __init__(
        self,
        *,
        shard: dict[str, Any] | str,
        work: str | None = None,
        required: list[str] | None = None,
        min_confidence: dict[str, float] | None = None,
        pattern: dict[str, str] | None = None,
        on_failure: str = "quarantine",
        quarantine: str | None = None,
        work_conn_id: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.shard = shard
        self.work = work
        self.required = required
        self.min_confidence = min_confidence
        self.pattern = pattern
        self.on_failure = on_failure
        self.quarantine = quarantine
        self.work_conn_id = work_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        """Check the shard's documents one by one."""
        from pageloom_provider.worker.selection import check_fields

        rules = parse_rules(
            required=tuple(self.required or ()),
            min_confidence=self.min_confidence or {},
            pattern=self.pattern or {},
            on_failure=self.on_failure,
        )
        job = Job(
            documents=None,
            shard=parse_shard(self.shard),
            pipeline=Pipeline(),
            work=work_folder(self.work, self.task_id),
            work_conn_id=self.work_conn_id,
            quarantine=self.quarantine or option("quarantine"),
            run=run_of(context),
        )
        return check_fields(job, rules).model_dump()
