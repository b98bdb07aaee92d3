"""A whole Airflow on this machine for as long as a `with` block lasts.

Its own home, an SQLite metadata database, and three processes: API server, DAG processor, and
scheduler with LocalExecutor, which forks a process for each task.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

__all__ = ["Deployment", "DeploymentError"]

SERVICES = {
    "api-server": ["api-server", "--workers", "1"],
    "dag-processor": ["dag-processor"],
    "scheduler": ["scheduler", "--skip-serve-logs"],
}
START_SECONDS = 90
FINISHED = frozenset({"success", "failed"})
# This machine is never behind a proxy.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class DeploymentError(RuntimeError):
    """Airflow did not start or did not answer; names the log to look into."""


class Deployment:
    """Airflow over a folder of DAGs.

    Args:
        home: Airflow's home; made where it is missing.
        dags: The folder of DAG files.
        tasks: How many tasks run side by side.
    """

    def __init__(self, home: Path, dags: Path, *, tasks: int = 2) -> None:
        self.home = home
        self.port = _free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self._token: str | None = None
        self._services: dict[str, subprocess.Popen[bytes]] = {}
        settings = {
            "CORE__DAGS_FOLDER": str(dags),
            "CORE__LOAD_EXAMPLES": "False",
            "CORE__EXECUTOR": "LocalExecutor",
            "CORE__PARALLELISM": str(tasks),
            "CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "CORE__EXECUTION_API_SERVER_URL": f"{self.address}/execution/",
            "CORE__FERNET_KEY": "",
            # Everyone is admin in this Airflow, so it listens to this machine only.
            "API__HOST": "127.0.0.1",
            "API__PORT": str(self.port),
            "API__BASE_URL": self.address,
            "API__SECRET_KEY": secrets.token_hex(32),
            "API_AUTH__JWT_SECRET": secrets.token_hex(32),
            # The services write into one SQLite file, in turn: on a slow machine, five seconds of
            # waiting, as Python's driver has them, are too few while all of them start.
            "DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db?timeout=60",
            "LOGGING__LOGGING_LEVEL": "INFO",
            # Where dag-factory is installed, it would send usage figures.
            "DAG_FACTORY__ENABLE_TELEMETRY": "False",
            "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.5",
        }
        self.environment = {
            **os.environ,
            "AIRFLOW_HOME": str(home),
            # One thread a process: as many tasks as cores run side by side.
            "OMP_NUM_THREADS": "1",
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
            **{f"AIRFLOW__{name}": value for name, value in settings.items()},
        }

    def __enter__(self) -> Self:
        self.home.mkdir(parents=True, exist_ok=True)
        migration = self._start("db-migrate", ["db", "migrate"])
        if migration.wait() != 0:
            raise self._dead("db-migrate")
        try:
            for name, arguments in SERVICES.items():
                self._services[name] = self._start(name, arguments)
            self._wait_until_healthy()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()

    def trigger(self, dag_id: str, conf: dict[str, Any]) -> str:
        """Start a run of a DAG with these params; return its id. Waits for the DAG to be parsed."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                run = self._call(
                    f"/api/v2/dags/{dag_id}/dagRuns", {"logical_date": None, "conf": conf}
                )
                return str(run["dag_run_id"])
            except urllib.error.HTTPError as error:
                if error.code != 404 or time.monotonic() > deadline:
                    reason = error.read().decode(errors="replace")
                    raise DeploymentError(f"{dag_id}: no run: {reason}{self._imports()}") from error
            time.sleep(0.5)

    def follow(self, dag_id: str, run_id: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """The task logs of a run while it lasts, as (task, record), in the order they are written.

        The last item is `("", {"state": "success" | "failed"})`.
        """
        read: dict[Path, int] = {}
        logs = self.home / "logs" / f"dag_id={dag_id}" / f"run_id={run_id}"
        while True:
            run = self._call(f"/api/v2/dags/{dag_id}/dagRuns/{run_id}")
            for path in sorted(logs.rglob("attempt=*.log")):
                yield from _new_records(path, read)
            if run["state"] in FINISHED:
                yield "", {"state": run["state"]}
                return
            self._check_alive()
            time.sleep(0.5)

    def _call(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        headers = {"Content-Type": "application/json"}
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.address + path, data, headers)
        with _OPENER.open(request, timeout=30) as answer:
            decoded: dict[str, Any] = json.load(answer)
        return decoded

    def _wait_until_healthy(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            self._check_alive()
            try:
                health = self._call("/api/v2/monitor/health")
                parts = ("metadatabase", "scheduler", "dag_processor")
                if all(health[part]["status"] == "healthy" for part in parts):
                    self._token = str(self._call("/auth/token")["access_token"])
                    return
            except (OSError, KeyError, TypeError):
                pass
            time.sleep(0.5)
        raise DeploymentError(
            f"Airflow did not become healthy in {START_SECONDS} s: see {self.home}/*.out"
        )

    def _imports(self) -> str:
        errors = self._call("/api/v2/importErrors").get("import_errors", [])
        return "".join(f"\n{error['filename']}: {error['stack_trace']}" for error in errors)

    def _start(self, name: str, arguments: list[str]) -> subprocess.Popen[bytes]:
        with (self.home / f"{name}.out").open("wb") as out:
            return subprocess.Popen(
                [sys.executable, "-m", "airflow", *arguments],
                env=self.environment,
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _check_alive(self) -> None:
        for name, service in self._services.items():
            if service.poll() is not None:
                raise self._dead(name)

    def _dead(self, name: str) -> DeploymentError:
        log = self.home / f"{name}.out"
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        return DeploymentError(f"airflow {name} ended early; the last lines of {log}:\n{tail}")

    def _stop(self) -> None:
        for service in self._services.values():
            if service.poll() is None:
                service.terminate()
        for service in self._services.values():
            try:
                service.wait(timeout=20)
            except subprocess.TimeoutExpired:
                service.kill()
                service.wait()
            # A worker of the LocalExecutor may outlive its scheduler; each service has a process
            # group of its own.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(service.pid, signal.SIGKILL)
        self._services.clear()


def _new_records(path: Path, read: dict[Path, int]) -> Iterator[tuple[str, dict[str, Any]]]:
    folders = [part for part in path.parts if part.startswith(("task_id=", "map_index="))]
    task = ".".join(folder.partition("=")[2] for folder in folders)
    with path.open("rb") as file:
        file.seek(read.get(path, 0))
        for line in file:
            if not line.endswith(b"\n"):
                break
            read[path] = read.get(path, 0) + len(line)
            try:
                yield task, json.loads(line)
            except ValueError:
                continue


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
