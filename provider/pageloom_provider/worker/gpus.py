"""Which GPU a task takes on a host with several: one that no other task on that host has."""

from __future__ import annotations

import fcntl
import logging
import os
import re
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["own_gpu", "visible_gpus"]

log = logging.getLogger(__name__)

_VARIABLE = "CUDA_VISIBLE_DEVICES"


def visible_gpus() -> list[str]:
    """The GPUs that this process may use, as `CUDA_VISIBLE_DEVICES` names them; without torch."""
    named = os.environ.get(_VARIABLE)
    if named is not None:
        return [name.strip() for name in named.split(",") if name.strip() not in ("", "-1")]
    nodes = [path for path in Path("/dev").glob("nvidia*") if re.fullmatch(r"nvidia\d+", path.name)]
    return [str(number) for number in range(len(nodes))]


@contextmanager
def own_gpu(devices: Collection[str], slot: int = 0, folder: Path | None = None) -> Iterator[None]:
    """Give this process a GPU of its own, by `CUDA_VISIBLE_DEVICES`, while the block runs.

    That is the first one that no other task on this host holds; with as many slots in the Airflow
    pool as there are GPUs, each task has one. Where all are taken, tasks share them in turn. It
    does nothing with one GPU or none, and where a device has a number ("cuda:1"): who names a GPU
    has chosen. It must come before CUDA is first used in the process.

    Args:
        devices: What the components ask for: "auto", "cpu", "cuda", "cuda:1".
        slot: Where to begin when all are taken, such as the task's map index.
        folder: Of the lock files, by default one of this user in the folder for temporary files.
    """
    gpus = visible_gpus()
    if len(gpus) < 2 or not any(device in ("auto", "cuda") for device in devices):
        yield
        return
    if any(device.startswith("cuda:") for device in devices):
        yield
        return
    folder = folder or Path(tempfile.gettempdir(), f"pageloom-gpus-{os.getuid()}")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    before = os.environ.get(_VARIABLE)
    held = _lock(gpus, folder)
    gpu = held[0] if held else gpus[slot % len(gpus)]
    log.info("GPU %s of %s%s", gpu, ", ".join(gpus), "" if held else " (shared: all are taken)")
    os.environ[_VARIABLE] = gpu
    try:
        yield
    finally:
        if before is None:
            del os.environ[_VARIABLE]
        else:
            os.environ[_VARIABLE] = before
        if held:
            os.close(held[1])


def _lock(gpus: list[str], folder: Path) -> tuple[str, int] | None:
    """The first free GPU and its lock file; the system frees it when the process ends."""
    for gpu in gpus:
        name = re.sub(r"[^\w-]", "_", gpu)
        file = os.open(folder / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(file)
            continue
        return gpu, file
    return None
