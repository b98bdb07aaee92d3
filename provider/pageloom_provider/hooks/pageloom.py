"""A connection of the type `pageloom`: where models come from, and the device they run on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook

if TYPE_CHECKING:
    from airflow.sdk import Connection

__all__ = ["PageloomHook"]


class PageloomHook(BaseHook):
    """The settings that a worker's models need, from an Airflow connection.

    Host is the model hub's endpoint, password its token; the extras `cache` (a folder on the
    worker) and `device` ("auto", "cpu", "cuda") are fields of the connection form.
    """

    conn_name_attr = "pageloom_conn_id"
    default_conn_name = "pageloom_default"
    conn_type = "pageloom"
    hook_name = "Pageloom"

    def __init__(self, pageloom_conn_id: str = default_conn_name, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.pageloom_conn_id = pageloom_conn_id

    @cached_property
    def connection(self) -> Connection:
        """The Airflow connection, fetched once."""
        return self.get_connection(self.pageloom_conn_id)

    @property
    def device(self) -> str | None:
        """The device for components that were not given one; None where it is not set."""
        device = self.connection.extra_dejson.get("device")
        return str(device) if device else None

    def variables(self) -> dict[str, str]:
        """The environment that the hub's client reads: HF_ENDPOINT, HF_TOKEN, HF_HOME."""
        connection = self.connection
        endpoint = connection.host or ""
        if endpoint and "://" not in endpoint:
            port = f":{connection.port}" if connection.port else ""
            endpoint = f"{connection.schema or 'https'}://{endpoint}{port}"
        given = {
            "HF_ENDPOINT": endpoint,
            "HF_TOKEN": connection.password or "",
            "HF_HOME": str(connection.extra_dejson.get("cache") or ""),
        }
        return {name: value for name, value in given.items() if value}

    @contextmanager
    def environment(self) -> Iterator[None]:
        """Set `variables` for the time of a task; what was set before comes back."""
        given = self.variables()
        before = {name: os.environ.get(name) for name in given}
        os.environ.update(given)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value

    def test_connection(self) -> tuple[bool, str]:
        """Whether the cache folder can be written to here; asked for by the connection form."""
        cache = self.connection.extra_dejson.get("cache")
        if not cache:
            return True, "No cache folder is set: the hub client's own is used."
        folder = Path(str(cache)).expanduser()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            return False, f"The cache folder {folder} cannot be made: {error}"
        if not os.access(folder, os.W_OK):
            return False, f"The cache folder {folder} cannot be written to."
        return True, f"The cache folder {folder} can be written to."
