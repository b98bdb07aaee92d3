"""A connection of the type `pageloom`: the model hub, the device, the resident server."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook

from pageloom_provider.configuration import option

if TYPE_CHECKING:
    from airflow.sdk import Connection

    from pageloom_provider.hooks.server import PageloomServer

_TIMEOUT = 10  # seconds for the hub's answer to the test button

__all__ = ["PageloomHook", "model_settings"]


class PageloomHook(BaseHook):
    """The settings that a worker's models need, from an Airflow connection.

    Host is the model hub's endpoint, password its token; the extras `cache` (a folder on the
    worker), `device` ("auto", "cpu", "cuda"), `server` (the address of a `pageloom serve`) and
    `server_token` are fields of the connection form.
    """

    conn_name_attr = "pageloom_conn_id"
    default_conn_name = "pageloom_default"
    conn_type = "pageloom"
    hook_name = "Pageloom"

    def __init__(self, pageloom_conn_id: str = default_conn_name, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.pageloom_conn_id = pageloom_conn_id

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """The form's own fields for Airflow 3.1; later ones read the provider info's."""
        # Airflow's API server puts stand-ins in their place where they are not installed.
        widgets, texts, fields = map(
            import_module, ("flask_appbuilder.fieldwidgets", "flask_babel", "wtforms")
        )
        labels = {"cache": "Cache folder", "device": "Default device", "server": "Server"}
        widget = widgets.BS3TextFieldWidget()
        form = {
            name: fields.StringField(texts.lazy_gettext(label), widget=widget)
            for name, label in labels.items()
        }
        label = texts.lazy_gettext("Server token")
        form["server_token"] = fields.PasswordField(label, widget=widgets.BS3PasswordFieldWidget())
        return form

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """What the form hides and renames, for Airflow 3.1 as above."""
        from pageloom_provider.provider_info import get_provider_info

        info: Any = get_provider_info()
        behaviour: dict[str, dict[str, Any]] = info["connection-types"][0]["ui-field-behaviour"]
        return {key.replace("-", "_"): value for key, value in behaviour.items()}

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

    def server(self) -> PageloomServer:
        """The resident server, for `execution="server"`.

        Raises:
            ValueError: The connection names none.
        """
        from pageloom_provider.hooks.server import PageloomServer

        extra = self.connection.extra_dejson
        address = str(extra.get("server") or "")
        if not address:
            raise ValueError(
                f"the connection {self.pageloom_conn_id} names no server: fill in its field Server "
                "with the address of a `pageloom serve`"
            )
        token = extra.get("server_token")
        return PageloomServer(address, str(token) if token else None)

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
        """Ask the hub and the server whether they know the token, and look at the cache folder.

        This is the test button of the connection form. It runs on the API server, so the answer
        about the cache folder is for that machine. Without addresses nothing leaves the machine.
        """
        reasons = []
        tests = (self._test_hub(), self._test_cache(), self._test_server())
        for works, reason in filter(None, tests):
            if not works:
                return False, reason
            reasons.append(reason)
        return True, " ".join(reasons) or "Nothing is set: the hub client's own settings are used."

    def _test_hub(self) -> tuple[bool, str] | None:
        from urllib.error import HTTPError
        from urllib.request import Request, urlopen

        variables = self.variables()
        endpoint, token = variables.get("HF_ENDPOINT"), variables.get("HF_TOKEN")
        if endpoint is None:
            return None
        if not endpoint.startswith(("http://", "https://")):
            return False, f"The hub endpoint {endpoint} is no http address."
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        address = endpoint.rstrip("/") + ("/api/whoami-v2" if token else "/")
        try:
            with urlopen(Request(address, headers=headers), timeout=_TIMEOUT):
                pass
        except HTTPError as error:
            if error.code in (401, 403):
                return False, f"The hub at {endpoint} does not accept the token ({error.code})."
            if error.code >= 500:
                return False, f"The hub at {endpoint} answers with an error ({error.code})."
            # A mirror of files alone has no such page; it is there.
        except (OSError, ValueError) as error:
            return False, f"The hub at {endpoint} cannot be reached: {error}"
        return True, f"The hub at {endpoint} answers."

    def _test_server(self) -> tuple[bool, str] | None:
        from pageloom_provider.hooks.server import ServerError

        if not self.connection.extra_dejson.get("server"):
            return None
        server = self.server()
        try:
            server.check()
        except ServerError as error:
            return False, f"{error}."
        return True, f"The server at {server.address} answers."

    def _test_cache(self) -> tuple[bool, str] | None:
        cache = self.connection.extra_dejson.get("cache")
        if not cache:
            return None
        folder = Path(str(cache)).expanduser()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            return False, f"The cache folder {folder} cannot be made: {error}"
        if not os.access(folder, os.W_OK):
            return False, f"The cache folder {folder} cannot be written to."
        return True, f"The cache folder {folder} can be written to."


@contextmanager
def model_settings(pageloom_conn_id: str | None) -> Iterator[str | None]:
    """The settings of a connection for the time of a task; gives the device to use by default.

    That is the connection's, or else (also where that says "auto") Airflow's option
    `[pageloom] device` of this worker; None leaves the choice to the components.
    """
    if pageloom_conn_id is None:
        yield option("device")
        return
    hook = PageloomHook(pageloom_conn_id)
    with hook.environment():
        yield hook.device if hook.device not in (None, "auto") else option("device")
