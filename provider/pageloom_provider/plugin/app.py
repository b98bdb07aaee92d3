"""The application of the page "Documents": its files, and the API that it calls.

What reads storage runs in few threads of its own, so that a slow one holds up no other request of
Airflow's API server. Nothing is read before Airflow has said who asks and what they may see.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Annotated, Any, TypeVar

import anyio
import anyio.to_thread
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Query, Request, Response
from fastapi.responses import JSONResponse
from starlette.staticfiles import StaticFiles

from pageloom_provider.plugin import access, listing, pictures, runs, sources
from pageloom_provider.plugin.access import GetUserDep
from pageloom_provider.plugin.listing import Filters, Listed
from pageloom_provider.plugin.runs import Run
from pageloom_provider.views import Counts, dags_in, run_identity, split_identity, views_folder

__all__ = ["make_app"]

STATIC = Path(__file__).with_name("static")
HEADERS = {
    # Everything that the page needs comes from here, and no other site may frame it.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
# One request looks at so many runs for some that have left views.
RUNS_LOOKED_AT = 200
PICTURES_WAITING = 100
ATTEMPTS = 3

_Result = TypeVar("_Result")
_storage = anyio.CapacityLimiter(8)
_drawing = anyio.CapacityLimiter(2)
_files = StaticFiles(directory=STATIC, check_dir=False)
_router = APIRouter()


def make_app() -> FastAPI:
    """The application, for a place below Airflow's own."""
    app = FastAPI(title="Documents", openapi_url=None)
    app.include_router(_router)
    app.add_exception_handler(OSError, _unreadable)

    @app.middleware("http")
    async def headed(
        request: Request, follow: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        response = await follow(request)
        for name, value in HEADERS.items():
            response.headers[name] = value
        response.headers.setdefault("Cache-Control", "private, no-store")
        return response

    return app


def _views() -> str:
    """The folder of views.

    Raises:
        HTTPException: 404: Airflow is set to none.
    """
    root = views_folder()
    if root is None:
        raise HTTPException(
            404, "Airflow is set to no folder for views: set [pageloom] views, or [pageloom] work."
        )
    return root


def _permitted_run(run: str, user: GetUserDep) -> Run:
    """The run that a request names.

    Raises:
        HTTPException: 403: the user may not see its DAG; 404: there is no such run.
    """
    names = split_identity(run)
    access.require(user, names[0] if names else None)
    found = runs.find_run(*names) if names and run.isprintable() else None
    if found is None:
        raise HTTPException(404, "There is no such run.")
    return found


Views = Annotated[str, Depends(_views)]
PermittedRun = Annotated[Run, Depends(_permitted_run)]
Limit = Annotated[int, Query(ge=1, le=200)]
Cursor = Annotated[str, Query(pattern="^[0-9]{0,18}$")]
# x0, y0, x1, y1, on 0-1000 of the page.
Edges = Annotated[str | None, Query(pattern="^(1000|[0-9]{1,3})(,(1000|[0-9]{1,3})){3}$")]
# No database and no file has a NUL character.
Text = Annotated[str, Query(max_length=200, pattern=r"^[^\x00]*$")]


@_router.get("/api/runs")
async def list_runs(
    user: GetUserDep,
    search: Text = "",
    cursor: Cursor = "",
    limit: Limit = 50,
) -> JSONResponse:
    """The runs that have left views, the newest first."""
    before = int(cursor) if cursor else None
    found = await _threaded(_storage, partial(_runs, user, search, before, limit))
    return JSONResponse(found)


@_router.get("/api/runs/{run}/documents")
async def list_documents(
    run: PermittedRun,
    root: Views,
    status: Text = "",
    search: Text = "",
    label: Text = "",
    below: Annotated[float | None, Query(ge=0, le=1)] = None,
    review: Text = "",
    sort: Text = "",
    cursor: Cursor = "",
    limit: Limit = 50,
) -> JSONResponse:
    """A page of a run's documents."""
    filters = Filters(status, search, label, below, review, sort)
    documents = await _threaded(_storage, partial(listing.listed_of, root, run))
    found = listing.page_of(documents, filters, int(cursor or 0), limit)
    counts = Counts.of(each.summary for each in documents)
    return JSONResponse({**found, "run": _run_row(run, counts)})


@_router.get("/api/runs/{run}/documents/{document}")
async def show_document(run: PermittedRun, root: Views, document: str) -> JSONResponse:
    """The view of a document, with links to its run, its tasks' logs and its review."""
    return JSONResponse(await _threaded(_storage, partial(_linked_view, root, run, document)))


@_router.get("/api/runs/{run}/documents/{document}/pages/{page:int}.webp")
async def show_page(
    request: Request,
    run: PermittedRun,
    root: Views,
    document: str,
    page: int,
    width: int = 1600,
    box: Edges = None,
) -> Response:
    """A picture of a page, or of its part around a box."""
    if width not in pictures.WIDTHS:
        raise HTTPException(422, f"width is one of {pictures.WIDTHS}.")
    _, line = await _threaded(_storage, partial(_found, root, run, document))
    if all(each["number"] != page for each in line["view"]["pages"]):
        raise HTTPException(404, "The document has no such page.")
    edges = tuple(map(int, box.split(","))) if box else None
    if edges and (edges[0] > edges[2] or edges[1] > edges[3]):
        raise HTTPException(422, "box is x0,y0,x1,y1: left, top, right, bottom.")
    name = pictures.picture_name(document, page, width, edges)
    headers = {
        # A document is known by its content: the picture never changes, but who may see it can.
        "ETag": f'"{name}"',
        "Cache-Control": "private, max-age=3600",
    }
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    content = pictures.kept_picture(name)
    if content is None:
        if _drawing.statistics().tasks_waiting >= PICTURES_WAITING:
            raise HTTPException(503, "Too many pictures at once.", {"Retry-After": "5"})
        try:
            content = await _threaded(_drawing, partial(_drawn, line, document, page, width, edges))
        except (sources.SourceError, pictures.PictureError) as error:
            raise HTTPException(404, str(error)) from error
    return Response(content, media_type="image/webp", headers=headers)


@_router.get("/api/{rest:path}")
async def nothing(rest: str, user: GetUserDep) -> None:
    """What is no part of the API."""
    raise HTTPException(404, "There is no such address.")


@_router.get("/{name:path}")
async def show_file(request: Request, name: str, user: GetUserDep) -> Response:
    """The page itself and its files."""
    if "\0" in name:
        raise HTTPException(404, "There is no such file.")
    response = await _files.get_response(name or "index.html", request.scope)
    response.headers["Cache-Control"] = "private, no-cache"
    return response


def _runs(user: Any, search: str, before: int | None, limit: int) -> dict[str, Any]:
    access.require(user, None)
    root = _views()
    dag_ids = [dag_id for dag_id in dags_in(root) if access.may_see(user, dag_id)]
    rows: list[dict[str, Any]] = []
    with ThreadPoolExecutor(8) as pool:
        for _ in range(RUNS_LOOKED_AT // limit + 1):
            some = runs.runs_of(dag_ids, search, before, limit)
            counted = pool.map(partial(listing.counts_of, root), some)
            for run, counts in zip(some, counted, strict=True):
                before = run.number
                if counts is not None:
                    rows.append(_run_row(run, counts))
                if len(rows) == limit:
                    return {"runs": rows, "next": str(before)}
            if len(some) < limit:
                return {"runs": rows, "next": None}
    return {"runs": rows, "next": str(before)}


def _run_row(run: Run, counts: Counts) -> dict[str, Any]:
    return {
        "id": run_identity(run.dag_id, run.run_id),
        "dag_id": run.dag_id,
        "run_id": run.run_id,
        "started": run.started.isoformat() if run.started else None,
        "state": run.state,
        **Counts(**counts.model_dump()).model_dump(),
    }


def _found(root: str, run: Run, document: str) -> tuple[Listed, dict[str, Any]]:
    """A document of a run, and the line with its view.

    Raises:
        HTTPException: 404: the run has no such document.
    """
    for _ in range(ATTEMPTS):
        documents = listing.listed_of(root, run)
        found = next((each for each in documents if each.summary["id"] == document), None)
        if found is None:
            break
        try:
            return found, listing.view_of(found)
        except FileNotFoundError:
            continue
    raise HTTPException(404, "The run has no such document.")


def _linked_view(root: str, run: Run, document: str) -> dict[str, Any]:
    found, line = _found(root, run, document)
    own = {(found.leaf.task_id, found.leaf.map_index)} | found.asked
    links = runs.links_of(run, own, line["shard"])
    for task_id, map_index in sorted(found.asked):
        href = f"{runs.task_path(run, task_id, map_index)}/required_actions"
        links.append({"text": f"Review in {task_id}", "href": href})
    return {**line["view"], "links": links}


def _drawn(
    line: dict[str, Any], document: str, page: int, width: int, box: tuple[int, ...] | None
) -> bytes:
    uris = [uri for uri in (line["view"]["source"], line["copy"]) if uri]
    return pictures.page_picture(sources.document(document, uris), document, page, width, box)


async def _threaded(limiter: anyio.CapacityLimiter, call: Callable[[], _Result]) -> _Result:
    return await anyio.to_thread.run_sync(call, limiter=limiter)


async def _unreadable(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": "The folder of views cannot be read just now."}, 503)
