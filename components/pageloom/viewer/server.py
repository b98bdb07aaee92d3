"""The server of `pageloom view`: the front end, and its API over documents in memory."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Any, TypeVar, get_args

import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pageloom.viewer import STATIC
from pageloom.viewer.documents import Entry, Query, ResultsError, Run, Sort, read_runs
from pageloom.viewer.pictures import SIZES, webp

__all__ = ["application", "is_local", "view"]

_T = TypeVar("_T")

MOST_IN_A_PART = 200
CACHE_BYTES = 64 << 20

# Only the front end's own files run and are loaded, whatever a document says.
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}


class _Headers:
    """Adds `HEADERS` to every answer that does not say otherwise."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, sent if scope["type"] == "http" else send)


class _Pictures:
    """Pictures made when they are asked for, the least recently seen dropped first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # As many at once as there are cores: each holds a decoded page.
        self._making = threading.BoundedSemaphore(os.cpu_count() or 1)
        self._made: OrderedDict[tuple[str, str, str, int], bytes] = OrderedDict()
        self._bytes = 0

    def get(self, key: tuple[str, str, str, int], make: Callable[[], bytes]) -> bytes:
        with self._lock:
            if key in self._made:
                self._made.move_to_end(key)
                return self._made[key]
        with self._making:
            data = make()
        with self._lock:
            if key not in self._made:
                self._made[key] = data
                self._bytes += len(data)
            while self._bytes > CACHE_BYTES and len(self._made) > 1:
                self._bytes -= len(self._made.popitem(last=False)[1])
        return data


def application(runs: Mapping[str, Run], hosts: Iterable[str] = ("*",)) -> Starlette:
    """The ASGI application over `runs`, answering requests for `hosts` only."""
    pictures = _Pictures()

    def list_runs(request: Request) -> Response:
        wanted = request.query_params.get("search", "").casefold()
        found = [run for run in runs.values() if wanted in run.name.casefold()]
        part, following = _part(found, request)
        return JSONResponse({"runs": [run.record() for run in part], "next": following})

    def list_documents(request: Request) -> Response:
        run = _run(request)
        found = run.select(_query(request))
        part, following = _part(found, request)
        return JSONResponse(
            {
                "documents": [entry.summary for entry in part],
                "total": len(found),
                "next": following,
                "run": run.record(),
                "counts": run.counts,
                "labels": run.labels,
            }
        )

    def show_document(request: Request) -> Response:
        return JSONResponse(_entry(request).view)

    def show_page(request: Request) -> Response:
        entry, number = _entry(request), request.path_params["number"]
        page = next((page for page in entry.pages.values() if str(page.number) == number), None)
        size = SIZES.get(_number(request, "width", max(SIZES), 1, max(SIZES)))
        if size is None:
            raise HTTPException(400, f"width is one of {', '.join(map(str, SIZES))}")
        if page is None:
            raise HTTPException(404, f"the document has no page {number}")
        key = request.path_params["run"], entry.view["id"], number, size.width
        try:
            data = pictures.get(key, lambda: webp(page, size))
        except (OSError, ValueError) as error:  # PageloomError is a ValueError
            raise HTTPException(404, str(error) or type(error).__name__) from error
        kept = {"Cache-Control": "private, max-age=600"}
        return Response(data, media_type="image/webp", headers=kept)

    def _run(request: Request) -> Run:
        try:
            return runs[request.path_params["run"]]
        except KeyError:
            raise HTTPException(404, "there is no such run") from None

    def _entry(request: Request) -> Entry:
        try:
            return _run(request).entries[request.path_params["document"]]
        except KeyError:
            raise HTTPException(404, "there is no such document") from None

    documents = "/api/runs/{run}/documents"
    return Starlette(
        routes=[
            Route("/api/runs", list_runs),
            Route(documents, list_documents),
            Route(f"{documents}/{{document}}", show_document),
            Route(f"{documents}/{{document}}/pages/{{number}}.webp", show_page),
            Mount("/", StaticFiles(directory=STATIC, html=True)),
        ],
        middleware=[
            Middleware(_Headers),
            Middleware(TrustedHostMiddleware, allowed_hosts=list(hosts)),
        ],
        exception_handlers={HTTPException: _told},
    )


def _told(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"detail": error.detail}, error.status_code, headers=error.headers)


def _number(request: Request, name: str, default: int, low: int, high: int) -> int:
    text = request.query_params.get(name) or str(default)
    if not text.isascii() or not text.isdigit() or len(text) > 9 or not low <= int(text) <= high:
        raise HTTPException(400, f"{name} is a number from {low} to {high}")
    return int(text)


def _part(found: list[_T], request: Request) -> tuple[list[_T], str | None]:
    """Some of what was found, and the cursor of what follows."""
    start = _number(request, "cursor", 0, 0, 10**9)
    end = start + _number(request, "limit", 50, 1, MOST_IN_A_PART)
    return found[start:end], str(end) if end < len(found) else None


def _query(request: Request) -> Query:
    given = request.query_params
    sort: Any = given.get("sort", "")
    if sort not in get_args(Sort):
        raise HTTPException(400, f"sort is one of {', '.join(filter(None, get_args(Sort)))}")
    try:
        below = float(given["below"]) if given.get("below") else None
    except ValueError:
        raise HTTPException(400, "below is a confidence from 0 to 1") from None
    return Query(
        search=given.get("search", ""),
        status=given.get("status", ""),
        label=given.get("label", ""),
        below=below,
        review=given.get("review", ""),
        sort=sort,
    )


def view(
    paths: Iterable[Path], host: str, port: int, started: Callable[[str], object] = print
) -> None:
    """Serve the documents of DocBin files until the process is interrupted.

    Args:
        paths: files, or folders of them.
        host: the address to listen on.
        port: 0 for a free one.
        started: called with the address of the page once it can be opened.

    Raises:
        ResultsError: a file cannot be shown, or the port is taken.
    """
    runs = read_runs(paths)
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.create_server((host, port), family=family)
    except OSError as error:
        raise ResultsError(
            f"{host}:{port}: cannot be listened on ({error.strerror or error}); --port 0 takes a "
            "free port"
        ) from error
    with listener:
        named = f"[{host}]" if ":" in host else host
        started(f"http://{named}:{listener.getsockname()[1]}/")
        app = application(runs, _hosts(host))
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
        # Ctrl+C is how it ends: nothing went wrong.
        with contextlib.suppress(KeyboardInterrupt):
            server.run(sockets=[listener])


def is_local(host: str) -> bool:
    """Whether only this machine can reach what listens on `host`."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _hosts(host: str) -> list[str]:
    """The hosts to answer for: on the loopback no other name that was made to lead here."""
    return ["localhost", "127.0.0.1", "::1", "[::1]", host] if is_local(host) else ["*"]
