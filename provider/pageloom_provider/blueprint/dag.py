"""From a deployment to its Airflow DAG."""

from __future__ import annotations

import json
from datetime import UTC, datetime, time
from functools import reduce
from operator import or_
from typing import Any
from zoneinfo import ZoneInfo

from airflow.sdk import DAG, Asset, AssetWatcher, TaskGroup

from pageloom_provider.blueprint.parts import Place, Source, Step
from pageloom_provider.blueprint.review import Review
from pageloom_provider.blueprint.schema import Checks, Deployment, Ledger, Route, Sink
from pageloom_provider.operators import (
    CheckFieldsOperator,
    ExportFieldsOperator,
    ListDocumentsOperator,
    PipelineOperator,
    RegroupDocumentsOperator,
    ReportRunOperator,
    RouteDocumentsOperator,
)
from pageloom_provider.operators.review import GroupForReviewOperator, ReviewFieldsOperator
from pageloom_provider.shards import text_hash

__all__ = ["build_dag"]

# Catching up is never wanted: a run reads what is there, not what was there on its date.
_START = datetime(2026, 1, 1, tzinfo=UTC)


def build_dag(deployment: Deployment, text: str | None = None) -> DAG:
    """The DAG of a deployment; `text`, its YAML, becomes the documentation that Airflow shows."""
    defaults = {
        "retries": deployment.retries,
        "retry_delay": deployment.retry_delay,
        "execution_timeout": deployment.timeout,
        "owner": deployment.owner,
        "queue": deployment.queue,
    }
    with DAG(
        deployment.id,
        description=deployment.description or None,
        doc_md=None if text is None else f"{deployment.description}\n\n```yaml\n{text}```\n",
        schedule=_schedule(deployment),
        start_date=_start(deployment),
        catchup=False,
        max_active_runs=deployment.max_runs,
        is_paused_upon_creation=deployment.paused,
        tags=["pageloom", *deployment.tags],
        params=deployment.params,
        default_args={key: value for key, value in defaults.items() if value is not None},
        # Whoever asked for it hands it to Airflow, when it is whole.
        auto_register=False,
    ) as dag:
        _Tasks(deployment).build()
    return dag


class _Tasks:
    """The tasks of one deployment, made inside its DAG."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self.work, self.work_conn_id = _placed(deployment.work)
        self.ledger = _ledger_settings(deployment)
        self.earlier: list[Any] = []
        self.results: list[Any] = []
        self.last: list[Any] = []

    def build(self) -> None:
        """List, read, route, review, check, export, report."""
        deployment = self.deployment
        source, conn_id = _placed(deployment.source)
        listing = ListDocumentsOperator(
            task_id="list_documents",
            source=source,
            conn_id=conn_id,
            patterns=deployment.source.patterns,
            recursive=deployment.source.recursive,
            batch_size=deployment.steps[0].batch_size or deployment.batch_size,
            ledger=self.ledger,
        )
        read = self._step(deployment.steps[0], {"documents": listing.output})
        trunk = self._steps(deployment.steps[1:], read)
        if deployment.routes:
            self.earlier.append(trunk.output)
            for route in deployment.routes:
                self._route(route, trunk)
        else:
            self._end(trunk, deployment.review, deployment.checks, deployment.sinks)
        report = ReportRunOperator(
            task_id="report",
            results=self.results,
            earlier=self.earlier or None,
            alerts=[alert.model_dump(mode="json") for alert in deployment.alerts] or None,
            ledger=self.ledger,
            work_conn_id=self.work_conn_id,
            outlets=[Asset(name) for name in deployment.produces],
            # It counts what failed, so it runs in any case, and fails with the others.
            trigger_rule="all_done",
            retries=0,
        )
        report.set_upstream(self.last)

    def _route(self, route: Route, trunk: Any) -> None:
        rules = [
            one.model_dump(include={"name", "classes", "min_score", "otherwise"})
            for one in self.deployment.routes
        ]
        with TaskGroup(route.name):
            select = RouteDocumentsOperator(
                task_id="select",
                shards=trunk.output,
                routes=rules,
                route=route.name,
                work=self.work,
                work_conn_id=self.work_conn_id,
                batch_size=route.steps[0].batch_size if route.steps else None,
            )
            steps = [step.model_copy(update={"batch_size": None}) for step in route.steps[:1]]
            self._end(
                self._steps([*steps, *route.steps[1:]], select),
                route.review or self.deployment.review,
                route.checks or self.deployment.checks,
                route.sinks or self.deployment.sinks,
            )

    def _steps(self, steps: list[Step], before: Any) -> Any:
        for step in steps:
            if step.batch_size is not None:
                self.earlier.append(before.output)
                before = RegroupDocumentsOperator(
                    task_id=f"{step.task_id}_batches",
                    shards=before.output,
                    work=self.work,
                    work_conn_id=self.work_conn_id,
                    batch_size=step.batch_size,
                )
            before = self._step(step, {"shard": before.output})
        return before

    def _step(self, step: Step, inputs: dict[str, Any]) -> Any:
        deployment = self.deployment
        return PipelineOperator.partial(
            task_id=step.task_id,
            components=step.listed(),
            config=step.config,
            overrides=step.overrides or None,
            language=deployment.language,
            reader=deployment.reader or None,
            work=self.work,
            work_conn_id=self.work_conn_id,
            quarantine=deployment.quarantine,
            on_error=deployment.on_error,
            embed_images=deployment.embed_images,
            pageloom_conn_id=deployment.connection,
            execution=step.execution,
            **_execution(step),
        ).expand(**inputs)

    def _review(self, before: Any, review: Review) -> Any:
        """Those who are asked see documents of several batches at once."""
        self.earlier.append(before.output)
        groups = GroupForReviewOperator(
            task_id="review_batches",
            shards=before.output,
            batch_size=review.batch_size,
            work=self.work,
            work_conn_id=self.work_conn_id,
            **review.rules(),
        )
        return ReviewFieldsOperator.partial(
            task_id="review",
            work=self.work,
            work_conn_id=self.work_conn_id,
            quarantine=self.deployment.quarantine,
            **review.rules(),
            **review.asking(),
        ).expand(shard=groups.output)

    def _end(
        self, before: Any, review: Review | None, checks: Checks | None, sinks: list[Sink]
    ) -> None:
        if review is not None:
            before = self._review(before, review)
        if checks is not None:
            before = CheckFieldsOperator.partial(
                task_id="check",
                work=self.work,
                work_conn_id=self.work_conn_id,
                quarantine=self.deployment.quarantine,
                **checks.model_dump(),
            ).expand(shard=before.output)
        self.results.append(before.output)
        # Tables last: with the last one, in one transaction, the ledger learns that it is done.
        ordered = sorted(sinks, key=lambda sink: sink.table is not None)
        previous: Any = None
        for sink in ordered:
            export = self._sink(sink, before, self.ledger if sink is ordered[-1] else None)
            if previous is not None:
                export.set_upstream(previous)
            previous = export
        self.last.append(previous)

    def _sink(self, sink: Sink, before: Any, ledger: dict[str, Any] | None) -> Any:
        target: dict[str, Any]
        conn_id = self.work_conn_id
        if sink.table is not None:
            target = {
                "table": sink.table.name,
                "sql_conn_id": sink.table.connection,
                "sqlite": sink.table.sqlite,
            }
        else:
            uri, own = _placed(getattr(sink, sink.kind))
            target = {sink.kind: uri}
            conn_id = own or conn_id
        where = {"queue": sink.queue, "pool": sink.pool}
        return ExportFieldsOperator(
            task_id=sink.task_id,
            shards=before.output,
            storage_conn_id=conn_id,
            ledger=ledger,
            **target,
            **{key: value for key, value in where.items() if value is not None},
        )


def _placed(place: Place | Source | None) -> tuple[Any, str | None]:
    """A URI with its connection in it; apart, where a template hides what the URI is."""
    if place is None or place.connection is None:
        return (None if place is None else place.uri), None
    scheme, found, rest = place.uri.partition("://")
    if not found or "{{" in scheme:
        return place.uri, place.connection
    return f"{scheme}://{place.connection}@{rest}", None


def _execution(step: Step) -> dict[str, Any]:
    """Where and how often a step's tasks run, as Airflow's operators take it."""
    given = {
        "queue": step.queue,
        "pool": step.pool,
        "pool_slots": step.pool_slots,
        "max_active_tis_per_dagrun": step.parallel,
        "priority_weight": step.priority,
        "retries": step.retries,
        "retry_delay": step.retry_delay,
        "execution_timeout": step.timeout,
        "executor": step.executor,
        "executor_config": _pod(step.pod_override) if step.pod_override else None,
    }
    return {key: value for key, value in given.items() if value is not None}


def _pod(override: dict[str, Any]) -> dict[str, Any]:
    try:
        from airflow.providers.cncf.kubernetes.pod_generator import (  # type: ignore[import-not-found, unused-ignore]
            PodGenerator,
        )
    except ImportError:
        raise ValueError(
            "pod_override needs the Kubernetes provider where DAGs are parsed: "
            "pip install apache-airflow-providers-cncf-kubernetes"
        ) from None
    return {"pod_override": PodGenerator.deserialize_model_dict(override)}


def _ledger_settings(deployment: Deployment) -> dict[str, Any] | None:
    ledger = deployment.ledger_place()
    if ledger is None:
        return None
    return {
        **_database(ledger),
        "table": ledger.table,
        "max_attempts": ledger.max_attempts,
        "new": deployment.source.new,
        "version": _version(deployment),
        "components": _all_components(deployment),
    }


def _database(ledger: Ledger) -> dict[str, str]:
    if ledger.connection is not None:
        return {"conn_id": ledger.connection}
    return {"sqlite": ledger.sqlite or ""}


def _version(deployment: Deployment) -> str:
    """The part of the pipeline's version that its components do not say: routes and checks."""
    described: dict[str, Any] = {
        "reader": {key: value for key, value in deployment.reader.items() if key != "password"},
        "language": deployment.language,
        "configs": [[step.config, step.overrides] for step in deployment.steps if step.config],
        "checks": deployment.checks and deployment.checks.model_dump(),
        "routes": [
            route.model_dump(include={"name", "classes", "min_score", "otherwise", "checks"})
            for route in deployment.routes
        ],
    }
    asked = [deployment.review, *(route.review for route in deployment.routes)]
    if reviews := [review.rules() for review in asked if review is not None]:
        described["reviews"] = reviews  # not where there are none: documents would be new
    return f"{deployment.version}-{text_hash(json.dumps(described, sort_keys=True))[:8]}"


def _all_components(deployment: Deployment) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    branches = [("", deployment.steps), *((route.name, route.steps) for route in deployment.routes)]
    for branch, steps in branches:
        for step in steps:
            for one in step.parsed():
                name = "/".join(part for part in (branch, step.task_id, one.name) if part)
                found.append({name: {**one.settings, "factory": one.factory}})
    return found


def _start(deployment: Deployment) -> datetime | None:
    schedule = deployment.schedule
    if schedule is None or schedule.cron is None:
        return None
    zone = ZoneInfo(schedule.timezone) if schedule.timezone else UTC
    if deployment.start is None:
        return _START.replace(tzinfo=zone)
    return datetime.combine(deployment.start, time(), tzinfo=zone)


def _schedule(deployment: Deployment) -> Any:
    schedule = deployment.schedule
    if schedule is None:
        return None
    if schedule.cron is not None:
        return schedule.cron
    if schedule.asset is not None:
        names = [schedule.asset] if isinstance(schedule.asset, str) else schedule.asset
        assets = [Asset(name) for name in names]
        return reduce(or_, assets) if schedule.any else assets
    from pageloom_provider.triggers.folder import FolderTrigger

    source, conn_id = _placed(deployment.source)
    folder = schedule.watch if isinstance(schedule.watch, str) else source
    watcher = AssetWatcher(
        name=f"{deployment.id}.inbox",
        trigger=FolderTrigger(
            folder=folder,
            conn_id=conn_id,
            patterns=deployment.source.patterns,
            recursive=deployment.source.recursive,
            every=schedule.every.total_seconds(),
        ),
    )
    return [Asset(f"{deployment.id}.inbox", watchers=[watcher])]
