"""Airflow as on several machines: PostgreSQL, Redis, a scheduler, and Celery workers to kill."""

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from demo.deployment import Deployment

# How soon a task counts as dead when its worker no longer says that it lives; 300 s by default.
DEAD_AFTER_SECONDS = 30


class Cluster(Deployment):
    """Airflow with CeleryExecutor; `start_worker` adds a worker, in a home of its own."""

    def __init__(
        self, home: Path, dags: Path, database: str, broker: str, connections: dict[str, str]
    ) -> None:
        super().__init__(home, dags)
        settings = {
            "CORE__EXECUTOR": "CeleryExecutor",
            "CORE__PARALLELISM": "32",
            "DATABASE__SQL_ALCHEMY_CONN": database,
            "CELERY__BROKER_URL": broker,
            "CELERY__RESULT_BACKEND": f"db+{database}",
            # Tasks that name no queue go to CPU workers.
            "OPERATORS__DEFAULT_QUEUE": "cpu",
            "SCHEDULER__TASK_INSTANCE_HEARTBEAT_SEC": "2",
            "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": str(DEAD_AFTER_SECONDS),
            "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "3",
        }
        self.environment.update({f"AIRFLOW__{name}": value for name, value in settings.items()})
        self.environment.update(
            {f"AIRFLOW_CONN_{name.upper()}": uri for name, uri in connections.items()}
        )
        self.workers: dict[str, subprocess.Popen[bytes]] = {}

    def start_worker(self, queue: str) -> None:
        """A worker that serves one queue, one task at a time."""
        command = ["celery", "worker", "--queues", queue, "--concurrency", "1"]
        command += ["--celery-hostname", f"{queue}@this-machine", "--skip-serve-logs"]
        home = self.home / f"worker-{queue}"
        home.mkdir(exist_ok=True)
        shared = self.environment
        # Its own folder for logs and process ids, as on a machine of its own.
        self.environment = {**shared, "AIRFLOW_HOME": str(home)}
        try:
            self.workers[queue] = self._start(f"worker-{queue}", command)
        finally:
            self.environment = shared

    def kill_worker(self, queue: str) -> int:
        """Kill -9 a worker and all it has started, at once; returns how many processes."""
        worker = self.workers.pop(queue)
        top = psutil.Process(worker.pid)
        family = [top, *top.children(recursive=True)]
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        worker.wait()
        return len(family)

    def run(self, dag_id: str, run_id: str) -> dict[str, Any]:
        """A run, as Airflow's API has it."""
        return self._call(f"/api/v2/dags/{dag_id}/dagRuns/{run_id}")

    def tasks(self, dag_id: str, run_id: str, task_id: str) -> list[dict[str, Any]]:
        """The task instances of a task, as Airflow's API has them, by map index."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances"
        found = self._call(f"{path}?limit=1000&task_id={task_id}")["task_instances"]
        return sorted(
            (each for each in found if each["task_id"] == task_id),
            key=lambda each: int(each["map_index"]),
        )

    def wait_for(self, what: str, ready: Any, seconds: float) -> Any:
        """What `ready` returns, once it is true.

        Raises:
            TimeoutError: It did not become true; says what it was.
        """
        deadline = time.monotonic() + seconds
        while not (result := ready()):
            self._check_alive()
            if time.monotonic() > deadline:
                raise TimeoutError(f"{what}: not in {seconds} s\n{self.report()}")
            time.sleep(0.5)
        return result

    def report(self) -> str:
        """The tasks of all runs with their states and tries, and the ends of the workers' logs."""
        found = self._call("/api/v2/dags/~/dagRuns/~/taskInstances?limit=1000")["task_instances"]
        lines = [
            f"{each['dag_run_id']} {each['task_id']}[{each['map_index']}]: {each['state']}, "
            f"try {each['try_number']}, {each['duration']} s"
            for each in found
        ]
        for log in sorted(self.home.glob("worker-*.out")):
            lines += [str(log), *log.read_text(errors="replace").splitlines()[-15:]]
        return "\n".join(lines)

    def _stop(self) -> None:
        for worker in self.workers.values():
            with suppress(ProcessLookupError):
                os.killpg(worker.pid, signal.SIGTERM)
        for queue in list(self.workers):
            with suppress(subprocess.TimeoutExpired):
                self.workers[queue].wait(10)
            with suppress(psutil.NoSuchProcess):
                self.kill_worker(queue)
        super()._stop()
