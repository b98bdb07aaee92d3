"""A folder of deployments as DAGs, where a broken file takes nothing down but itself."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from airflow.sdk import DAG, get_parsing_context

from pageloom_provider.blueprint.dag import build_dag
from pageloom_provider.blueprint.yaml_file import DeploymentError, Problem, line_of, parse, read

__all__ = ["SUFFIXES", "deployment_files", "load_file", "load_folder"]

SUFFIXES = (".yaml", ".yml")


def load_folder(folder: str | Path, beside: str | Path | None = None) -> dict[str, DAG]:
    """The DAGs of the YAML files in a folder and its subfolders, by id.

    In a DAG file: `globals().update(load_folder("pipelines", beside=__file__))`.

    A file that is broken becomes an import error of its own in Airflow, named after the file. With
    no deployment at all the result is empty.

    Args:
        folder: The folder.
        beside: The file that a relative `folder` lies beside.
    """
    root = Path(folder)
    if beside is not None:
        root = Path(beside).resolve().parent / root
    # A worker that runs a task asks for one DAG.
    wanted = get_parsing_context().dag_id
    dags: dict[str, DAG] = {}
    files: dict[str, str] = {}
    errors: dict[Path, DeploymentError] = {}
    for path in deployment_files(root):
        name = path.relative_to(root.parent).as_posix()
        try:
            text, data = read(path, name)
            dag_id = str(data.get("id")) if isinstance(data, dict) else ""
            if wanted is not None and dag_id != wanted:
                continue
            if dag_id in files:
                message = f'the id "{dag_id}" is that of {files[dag_id]} already'
                raise DeploymentError([Problem(name, line_of(text, ("id",)), message)])
            dags[dag_id] = _built(text, data, name)
            files[dag_id] = name
        except DeploymentError as error:
            errors[path] = error
    problems = [problem for error in errors.values() for problem in error.problems]
    for path, reason in errors.items():
        broken = _BrokenFile(path, path.relative_to(root.parent), reason, problems)
        dags[broken.dag_id] = broken
    return dags


def load_file(path: Path) -> DAG:
    """The DAG of one file.

    Raises:
        DeploymentError: Names what is wrong with the file, with lines.
    """
    return _built(*read(path), str(path))


def deployment_files(folder: Path) -> Iterator[Path]:
    """The YAML files below a folder, in order; hidden ones are none."""
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.suffix.lower() in SUFFIXES and path.is_file() and not hidden:
            yield path


def _built(text: str, data: Any, name: str) -> DAG:
    deployment = parse(text, data, name)
    try:
        dag = build_dag(deployment, text)
        # What Airflow would refuse later, it would charge to every DAG of the loader's file.
        dag.validate()  # type: ignore[no-untyped-call]
        dag.check_cycle()
    except Exception as error:  # whatever Airflow has against a value, it is this file's
        message = f"Airflow does not take it: {error}"
        raise DeploymentError([Problem(name, None, message)]) from error
    return dag


class _BrokenFile(DAG):
    """Stands for a file that is no deployment, until Airflow asks what it is made of.

    Airflow keeps one import error for a path, and takes all DAGs of that path away. An error that
    the loader raised itself would thus take all deployments down. A DAG that cannot be serialized
    is an import error at the path that the DAG names, and this one names its YAML file.

    Where nobody serializes (a `DagBag` in a test, `airflow dags list`), it is refused at once.
    """

    def __init__(
        self, path: Path, relative: Path, error: DeploymentError, all_problems: list[Problem]
    ) -> None:
        self._path = path
        self._relative = relative
        self._error = error
        self._all_problems = all_problems
        name = re.sub(r"[^A-Za-z0-9_.-]", "_", relative.as_posix())
        super().__init__(f"broken.{name}", schedule=None, auto_register=False)

    @property
    def relative_fileloc(self) -> str:
        """The YAML file, beside the loader; the key of its import error (from Airflow 3.2)."""
        return self._relative.as_posix()

    @relative_fileloc.setter
    def relative_fileloc(self, _: str | None) -> None: ...

    @property
    def fileloc(self) -> str:
        """The YAML file; the key of its import error (in Airflow 3.1)."""
        return str(self._path)

    @fileloc.setter
    def fileloc(self, _: str) -> None: ...

    @property  # type: ignore[override]
    def edge_info(self) -> NoReturn:
        """Asked for when a DAG is serialized, and by nobody before."""
        raise self._error

    @edge_info.setter
    def edge_info(self, _: Any) -> None: ...

    def validate(self) -> None:
        """Refuse where this is no DAG processor; there, a `DagBag` has one error for the loader."""
        runner = sys.modules.get("airflow.sdk.execution_time.task_runner")
        if not hasattr(runner, "SUPERVISOR_COMMS"):
            raise DeploymentError(self._all_problems)
