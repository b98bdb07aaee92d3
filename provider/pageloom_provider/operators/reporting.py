"""The last task of a run: what became of its documents, and telling someone if that is bad."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from pageloom_provider.assets import announce
from pageloom_provider.operators.claims import Claims
from pageloom_provider.shards import read_manifest
from pageloom_provider.spec import Failure, Shard, parse_shards
from pageloom_provider.storage import location

if TYPE_CHECKING:
    from airflow.sdk import Context

__all__ = ["ReportRunOperator"]


class ReportRunOperator(BaseOperator):
    """Count a run's documents, name those in quarantine, send alerts, close the ledger.

    It is the last task, with `trigger_rule="all_done"`: it fails where another task of the run
    failed, so that the run fails and its `outlets` are not updated. A run without documents skips
    it, with the same effect on the outlets.

    Returns the summary `{documents, failed, pages, failed_tasks, quarantined}`, which is also the
    extra of the outlets' events. `quarantined` holds at most 20 documents with their reasons.

    Args:
        results: What the last tasks returned: lists of shards, each document in one of them.
        earlier: What tasks before a route or a regrouping returned: the failures in their shards
            count, too.
        alerts: `[{"when": {"failed_documents": 5, "failed_share": 0.1, "failed_tasks": 0},
            "notifier": "dotted.name.of.a.Notifier", "arguments": {...}, "fail": False}]`. An alert
            is sent when one of its limits is exceeded; templates of the notifier see `summary`.
        ledger: What `ListDocumentsOperator` was given. Documents in quarantine count as failed,
            and the run's others as done, also those that took no route.
        work_conn_id: The connection of the object storage that holds the shards.
    """

    template_fields: Sequence[str] = ("results", "earlier", "ledger", "work_conn_id")
    template_fields_renderers = {"results": "json", "earlier": "json", "ledger": "json"}

    def __init__(
        self,
        *,
        results: list[Any],
        earlier: list[Any] | None = None,
        alerts: list[dict[str, Any]] | None = None,
        ledger: dict[str, Any] | None = None,
        work_conn_id: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.results = results
        self.earlier = earlier
        self.alerts = alerts
        self.ledger = ledger
        self.work_conn_id = work_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        """Count, settle, alert."""
        from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException

        shards = _flat(self.results)
        earlier = _flat(self.earlier or ())
        failures = self._failures([*earlier, *shards])
        failed_tasks = _failed_tasks(context)
        summary = {
            "documents": sum(shard.documents for shard in shards),
            "failed": sum(shard.failed for shard in (*earlier, *shards)),
            "pages": sum(shard.pages for shard in shards),
            "failed_tasks": failed_tasks,
            "quarantined": {failure.uri: failure.message for failure in failures[:20]},
        }
        self.log.info(
            "%d documents done, %d pages, %d documents in quarantine, %d tasks failed",
            summary["documents"],
            summary["pages"],
            summary["failed"],
            len(failed_tasks),
        )
        for failure in failures:
            self.log.warning(
                "in quarantine: %s: %s (%s)", failure.uri, failure.message, failure.component
            )
        must_fail = self._alert(context, summary)
        if failed_tasks:
            raise AirflowFailException(f"tasks of this run failed: {', '.join(failed_tasks)}")
        if claims := Claims.open(self.ledger, context):
            _close(claims, failures)
        if must_fail:
            raise AirflowFailException(must_fail)
        if not shards and not earlier:
            raise AirflowSkipException("there was nothing new to read")
        announce(context, self.outlets, "", summary)
        return summary

    def _failures(self, shards: list[Shard]) -> list[Failure]:
        """What is in quarantine, each document once, from the shards' manifests."""
        found: dict[str, Failure] = {}
        for shard in shards:
            if shard.failed:
                manifest = read_manifest(location(shard.uri, self.work_conn_id))
                for failure in manifest.failures if manifest else ():
                    found[failure.uri] = failure
        return list(found.values())

    def _alert(self, context: Context, summary: dict[str, Any]) -> str | None:
        """Send the alerts that are due; returns why the run is to fail, where one says so."""
        from importlib import import_module

        must_fail: str | None = None
        for alert in self.alerts or ():
            exceeded = _exceeded(alert["when"], summary)
            if not exceeded:
                continue
            reason = ", ".join(exceeded)
            self.log.warning("alert: %s", reason)
            if alert.get("fail"):
                must_fail = reason
            if name := alert.get("notifier"):
                module, _, kind = name.rpartition(".")
                notifier: Any = getattr(import_module(module), kind)
                given = {**context, "summary": summary, "reason": reason}
                notifier(**alert.get("arguments") or {})(given)
        return must_fail


def _flat(parts: Sequence[Any]) -> list[Shard]:
    """The shards of tasks, of which a skipped one has returned None."""
    return [shard for part in parts for shard in parse_shards(part)]


def _exceeded(limits: dict[str, Any], summary: dict[str, Any]) -> list[str]:
    failed = summary["failed"]
    total = summary["documents"] + failed
    tasks = len(summary["failed_tasks"])
    values = {
        "failed_documents": (failed, f"{failed} of {total} documents failed"),
        "failed_share": (
            failed / total if total else 0.0,
            f"{failed} of {total} documents failed",
        ),
        "failed_tasks": (tasks, f"{tasks} tasks failed"),
    }
    reasons = [
        text
        for name, (value, text) in values.items()
        if limits.get(name) is not None and value > limits[name]
    ]
    return list(dict.fromkeys(reasons))


def _failed_tasks(context: Context) -> list[str]:
    """The run's other tasks that failed; a mapped one with its index: `ocr_0`."""
    instance: Any = context.get("ti")
    if instance is None:
        return []
    states = instance.get_task_states(dag_id=instance.dag_id, run_ids=[instance.run_id])
    return sorted(
        task
        for task, state in states.get(instance.run_id, {}).items()
        if str(state) == "failed" and task != instance.task_id
    )


def _close(claims: Claims, failures: list[Failure]) -> None:
    from pageloom_provider.ledger import identity
    from pageloom_provider.tables import transaction

    failed = {
        identity(failure.uri, failure.sha256): f"{failure.message} ({failure.component})"
        for failure in failures
    }
    with transaction(claims.ledger.hook) as cursor:
        held = claims.ledger.held(claims.run, claims.pipeline, cursor)
        done = sorted(held - set(failed))
        claims.ledger.settle(claims.run, claims.pipeline, cursor, done, failed)
