"""Runs and their tasks, from Airflow's metadata database."""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import quote

from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from airflow.utils.session import create_session
from sqlalchemy import Text, cast, func, or_, select

from pageloom_provider import operators
from pageloom_provider.views import root_path

__all__ = ["Run", "TaskRun", "find_run", "links_of", "runs_of", "tasks_of"]

FINISHED = frozenset({"success", "failed", "skipped", "upstream_failed", "removed"})


class Run(NamedTuple):
    """A run as Airflow knows it; `number` grows with each that is made."""

    number: int
    dag_id: str
    run_id: str
    started: datetime | None
    state: str


class TaskRun(NamedTuple):
    """A task instance; `map_index` is -1 where it is not mapped."""

    task_id: str
    map_index: int
    operator: str | None
    state: str | None

    @property
    def finished(self) -> bool:
        """Whether it has ended, well or not."""
        return self.state in FINISHED


_RUN = (DagRun.id, DagRun.dag_id, DagRun.run_id, DagRun.start_date, DagRun.state)


def find_run(dag_id: str, run_id: str) -> Run | None:
    """A run that Airflow knows, or None."""
    with create_session() as session:
        query = select(*_RUN).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id)
        row = session.execute(query).one_or_none()
    return _run(row) if row else None


def runs_of(
    dag_ids: Collection[str], search: str = "", before: int | None = None, limit: int = 50
) -> list[Run]:
    """Runs of some DAGs, the newest first.

    Args:
        dag_ids: The DAGs.
        search: Part of the DAG's or the run's id; letter case does not matter.
        before: Only runs with a lower number.
        limit: How many at most.
    """
    query = select(*_RUN).where(DagRun.dag_id.in_(dag_ids))
    if search:
        columns = (DagRun.dag_id, DagRun.run_id)
        query = query.where(
            or_(*(func.lower(each).contains(search.lower(), autoescape=True) for each in columns))
        )
    if before is not None:
        query = query.where(DagRun.id < before)
    with create_session() as session:
        rows = session.execute(query.order_by(DagRun.id.desc()).limit(limit)).all()
    return [_run(row) for row in rows]


def tasks_of(run: Run) -> list[TaskRun]:
    """The task instances of a run, in the order in which they began."""
    columns = (
        TaskInstance.task_id,
        TaskInstance.map_index,
        TaskInstance.operator,
        TaskInstance.state,
    )
    query = (
        select(*columns)
        .where(TaskInstance.dag_id == run.dag_id, TaskInstance.run_id == run.run_id)
        .order_by(TaskInstance.start_date.is_(None), TaskInstance.start_date, TaskInstance.task_id)
    )
    with create_session() as session:
        return [TaskRun(*row) for row in session.execute(query)]


def links_of(run: Run, own: set[tuple[str, int]], shard: str | None) -> list[dict[str, str]]:
    """Links to the run and to the logs of the tasks that read a document.

    A mapped task's instance is known where it returned the document's shard; of other mapped tasks
    the link shows all instances.

    Args:
        run: The run.
        own: Task instances that are known to have had the document, as (task, map index).
        shard: The file that the document came from.
    """
    known = own | _returned(run, shard)
    links = [{"text": "Run", "href": run_path(run)}]
    seen: set[str] = set()
    for task in tasks_of(run):
        if task.task_id in seen:
            continue
        if task.map_index < 0:
            seen.add(task.task_id)
            if task.operator in operators.__all__ or (task.task_id, -1) in known:
                links.append(_log(run, task.task_id, -1))
            continue
        seen.add(task.task_id)
        indexes = sorted(index for task_id, index in known if task_id == task.task_id)
        if indexes:
            links.extend(_log(run, task.task_id, index) for index in indexes)
        elif task.operator in operators.__all__:
            href = f"{run_path(run)}/tasks/{quote(task.task_id)}/mapped"
            links.append({"text": f"Logs of {task.task_id}", "href": href})
    return links


def run_path(run: Run) -> str:
    """The address of a run in Airflow's interface."""
    return f"{root_path()}/dags/{quote(run.dag_id)}/runs/{quote(run.run_id, safe='')}"


def task_path(run: Run, task_id: str, map_index: int) -> str:
    """The address of a task instance, which shows its log."""
    mapped = f"/mapped/{map_index}" if map_index >= 0 else ""
    return f"{run_path(run)}/tasks/{quote(task_id)}{mapped}"


def _log(run: Run, task_id: str, map_index: int) -> dict[str, str]:
    which = f" [{map_index}]" if map_index >= 0 else ""
    return {"text": f"Log of {task_id}{which}", "href": task_path(run, task_id, map_index)}


def _returned(run: Run, shard: str | None) -> set[tuple[str, int]]:
    """The task instances whose result is this shard."""
    if not shard:
        return set()
    query = select(XComModel.task_id, XComModel.map_index, XComModel.value).where(
        XComModel.dag_id == run.dag_id,
        XComModel.run_id == run.run_id,
        XComModel.key == "return_value",
        # A shard's name is plain ASCII: JSON holds it as it is.
        cast(XComModel.value, Text).contains(shard.rpartition("/")[2], autoescape=True),
    )
    with create_session() as session:
        rows = session.execute(query).all()
    return {(task_id, index) for task_id, index, value in rows if _uri(value) == shard}


def _uri(value: Any) -> Any:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return None
    return value.get("uri") if isinstance(value, dict) else None


def _run(row: Any) -> Run:
    number, dag_id, run_id, started, state = row
    return Run(number, dag_id, run_id, started, str(getattr(state, "value", state)))
