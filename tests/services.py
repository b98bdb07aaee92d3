"""Real services for tests: each a process of its own, in a temporary folder, on a free port."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

START_SECONDS = 60


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def program(name: str, package: str) -> str:
    """The path of a program; the test is skipped where its Debian package is not installed."""
    # Debian keeps PostgreSQL's own programs off the path, by version.
    debian = [str(path) for path in sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))]
    found = debian[-1] if debian else shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed: the Debian package {package}")
    return found


def wait_until(ready, process: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{process.args[0]} did not start:\n{log.read_text()[-3000:]}")
        time.sleep(0.1)


def answers(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


@contextmanager
def running(command: list[str], log: Path, ready, end=signal.SIGTERM, **options) -> Iterator[None]:
    """A process for as long as the block lasts."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            **options,
        )
    try:
        wait_until(ready, process, log)
        yield
    finally:
        process.send_signal(end)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@contextmanager
def postgresql() -> Iterator[str]:
    """A PostgreSQL cluster of its own; yields the URI of an empty database."""
    initdb, server = program("initdb", "postgresql"), program("postgres", "postgresql")
    folder = Path(tempfile.mkdtemp(prefix="pageloom-postgresql-"))
    # PostgreSQL does not run as root; the Debian package brings a user for it.
    user = {"user": "postgres"} if os.geteuid() == 0 else {}
    if user:
        shutil.chown(folder, "postgres")
    port = free_port()
    try:
        subprocess.run(
            [initdb, "-D", folder / "data", "-U", "tests", "--auth=trust", "--no-sync"],
            check=True,
            capture_output=True,
            cwd=folder,
            **user,
        )
        settings = [
            "fsync=off",
            "max_connections=200",
            f"port={port}",
            "listen_addresses=127.0.0.1",
        ]
        command = [server, "-D", f"{folder}/data", "-k", str(folder)]
        for setting in settings:
            command += ["-c", setting]

        def ready() -> bool:
            import psycopg

            with suppress(psycopg.OperationalError):
                psycopg.connect(uri).close()
                return True
            return False

        uri = f"postgresql://tests@127.0.0.1:{port}/postgres"
        # SIGINT is PostgreSQL's fast shutdown: it waits for no client.
        with running(command, folder / "log", ready, signal.SIGINT, cwd=folder, **user):
            yield uri
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def redis() -> Iterator[str]:
    """A Redis server that keeps nothing; yields its URI."""
    port = free_port()
    folder = Path(tempfile.mkdtemp(prefix="pageloom-redis-"))
    server = program("redis-server", "redis-server")
    command = [
        server,
        "--port",
        str(port),
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--dir",
        str(folder),
    ]
    try:
        with running(command, folder / "log", lambda: answers(port)):
            yield f"redis://127.0.0.1:{port}/0"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def s3() -> Iterator[str]:
    """An S3-compatible server that keeps objects in memory; yields its address."""
    pytest.importorskip("moto.server", reason="moto is not installed: the group `test`")
    port = free_port()
    folder = Path(tempfile.mkdtemp(prefix="pageloom-s3-"))
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    try:
        with running(command, folder / "log", lambda: answers(port)):
            yield f"http://127.0.0.1:{port}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)
