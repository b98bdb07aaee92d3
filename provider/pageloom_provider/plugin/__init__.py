"""The Airflow plugin: a page "Documents" in Airflow's own interface.

Every process of Airflow loads its plugins, workers included; the page's application is therefore
made at its first request, in the API server.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from airflow.providers.common.compat.sdk import AirflowPlugin

from pageloom_provider.views import MOUNT, root_path

__all__ = ["DocumentsPlugin"]


class _LazyApp:
    """An ASGI application that is made when it is first called."""

    def __init__(self) -> None:
        self._app: Callable[..., Awaitable[None]] | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if self._app is None:
            from pageloom_provider.plugin.app import make_app

            self._app = make_app()
        await self._app(scope, receive, send)


class DocumentsPlugin(AirflowPlugin):
    """The page, and its place under "Browse" in the navigation."""

    name = "pageloom"
    fastapi_apps = [{"app": _LazyApp(), "url_prefix": MOUNT, "name": "Documents"}]
    external_views = [
        {
            "name": "Documents",
            "href": f"{root_path()}{MOUNT}/",
            "destination": "nav",
            "category": "browse",
            "url_route": "documents",
        }
    ]
