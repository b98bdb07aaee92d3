"""A deployment as a text to read, or a picture to look at, before it is deployed."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from shutil import which
from typing import Any

from airflow.sdk import DAG

from pageloom_provider.blueprint.schema import Deployment

__all__ = ["as_dot", "as_text", "draw"]


def as_text(dag: DAG, deployment: Deployment) -> str:
    """The DAG as a tree: each task below the last of those it waits for."""
    lines = [f"{dag.dag_id}  {deployment.description}".rstrip()]
    lines.append(f"starts    {_when(deployment)}")
    lines.append(f"reads     {deployment.source.uri}  ({deployment.source.new} counts as new)")
    work = deployment.work.uri if deployment.work else "Airflow's [pageloom] work"
    lines.append(f"works in  {work}")
    if deployment.produces:
        lines.append(f"produces  {', '.join(deployment.produces)}")
    lines.append("")
    order = [task.task_id for task in _sorted(dag)]
    parent = {
        name: max(dag.get_task(name).upstream_task_ids, key=order.index, default="")
        for name in order
    }
    lines += _branch(dag, order, parent, "", "")
    return "\n".join(lines) + "\n"


def as_dot(dag: DAG) -> str:
    """The DAG in Graphviz's language."""
    lines = [
        f'digraph "{dag.dag_id}" {{',
        "  rankdir=LR;",
        '  node [shape=box, style=rounded, fontname="sans-serif"];',
    ]
    for task in _sorted(dag):
        label = "\\n".join([task.task_id, *_facts(task)]).replace('"', "'")
        lines.append(f'  "{task.task_id}" [label="{label}"];')
        lines += [
            f'  "{before}" -> "{task.task_id}";'
            for before in sorted(_direct(dag, task.upstream_task_ids))
        ]
    return "\n".join([*lines, "}"]) + "\n"


def draw(dag: DAG, picture: Path) -> None:
    """Draw the DAG into a file; its suffix (svg, png, pdf) says how.

    Raises:
        FileNotFoundError: Graphviz is not installed.
        ValueError: Graphviz does not know the suffix.
    """
    program = which("dot")
    if program is None:
        raise FileNotFoundError(
            "a picture needs Graphviz: install the package graphviz of your system"
        )
    kind = picture.suffix.removeprefix(".")
    done = subprocess.run(
        [program, f"-T{kind}", "-o", str(picture)],
        input=as_dot(dag),
        text=True,
        capture_output=True,
        check=False,
    )
    if done.returncode != 0:
        raise ValueError(f"{picture}: {done.stderr.strip()}")


def _sorted(dag: DAG) -> list[Any]:
    """The tasks, each after those it waits for."""
    return list(dag.topological_sort())  # type: ignore[no-untyped-call]


def _branch(
    dag: DAG, order: list[str], parent: dict[str, str], of: str, indent: str
) -> Iterator[str]:
    children = [name for name in order if parent[name] == of]
    for child in children:
        task: Any = dag.get_task(child)
        last = child == children[-1]
        others = sorted(_direct(dag, task.upstream_task_ids) - {of}, key=order.index)
        facts = _facts(task)
        if others:
            facts.append(f"also after {', '.join(others)}")
        mark = "" if not of else "└─ " if last else "├─ "
        yield f"{indent}{mark}{child}{'  (' + ', '.join(facts) + ')' if facts else ''}"
        inner = indent if not of else indent + ("   " if last else "│  ")
        yield from _branch(dag, order, parent, child, inner)


def _direct(dag: DAG, before: set[str]) -> set[str]:
    """Of the tasks before one, those that are not before another of them, too."""
    return {
        name
        for name in before
        if not any(
            name in dag.get_task(other).get_flat_relative_ids(upstream=True)
            for other in before - {name}
        )
    }


def _facts(task: Any) -> list[str]:
    """What a reader wants to know of a task, in a few words each."""
    mapped = task.is_mapped
    given = task.partial_kwargs if mapped else vars(task)
    facts = []
    for component in given.get("components") or ():
        for name, settings in component.items():
            model = (settings or {}).get("model")
            facts.append(f"{name} {model}" if model else name)
    for name in ("config", "route", "jsonl", "parquet", "docbin", "batch_size"):
        if given.get(name) is not None:
            facts.append(f"{name} {given[name]}")
    if given.get("sql_conn_id") or given.get("sqlite"):
        facts.append(f"{given['table']} in {given.get('sql_conn_id') or given['sqlite']}")
    if "on_timeout" in given:
        facts += _asked(given)
    if mapped:
        facts.append("a task a batch")
    for name, default in (("queue", "default"), ("pool", "default_pool")):
        if getattr(task, name) != default:
            facts.append(f"{name} {getattr(task, name)}")
    return facts


def _asked(given: Any) -> list[str]:
    """Who is asked, and what happens when nobody answers."""
    users = [
        user if isinstance(user, str) else user["name"] for user in given["assigned_users"] or ()
    ]
    facts = [f"asks {' or '.join(users) or 'people'}"]
    if given["response_timeout"] is not None:
        waited = _spoken(timedelta(seconds=given["response_timeout"]))
        facts.append(f"{given['on_timeout']} after {waited}")
    return facts


def _when(deployment: Deployment) -> str:
    schedule = deployment.schedule
    if schedule is None:
        return "by hand"
    if schedule.cron:
        return f"{schedule.cron} ({schedule.timezone or 'UTC'})"
    if schedule.asset:
        names = [schedule.asset] if isinstance(schedule.asset, str) else schedule.asset
        return f"after {(' or ' if schedule.any else ' and ').join(names)}"
    folder = schedule.watch if isinstance(schedule.watch, str) else deployment.source.uri
    return f"when {folder} changes, looked at every {_spoken(schedule.every)}"


def _spoken(duration: timedelta) -> str:
    seconds = duration.total_seconds()
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g}{unit}"
    return f"{seconds:g}s"
