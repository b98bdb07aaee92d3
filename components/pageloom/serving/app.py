"""The server's HTTP interface, as FastAPI describes it in `/openapi.json`."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Query, Request, Response
from fastapi.security import HTTPBearer
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, Field
from spacy.vocab import Vocab

from pageloom import __version__
from pageloom.errors import PageloomError
from pageloom.serving.batching import Batcher, State
from pageloom.serving.gate import Gate
from pageloom.serving.jobs import Job, Kind, Result, job_key, named, open_job
from pageloom.serving.pipelines import Asked, Pipelines, Selection, SelectionError

__all__ = ["DOCBIN", "make_app"]

log = logging.getLogger(__name__)

DOCBIN = "application/x-spacy-docbin"
_LONGEST_WAIT = 60.0
_CHUNKS = 1 << 20
_STATUS = {"docbin": 200, "failure": 422, "broken": 500}
_KEY = r"^[0-9a-f]{64}$"

Key = Annotated[str, Field(pattern=_KEY)]
Suffix = Annotated[
    str, Query(pattern=r"^(\.[a-z0-9]{1,8})?$", description="Of the file's name, as .pdf.")
]


class Component(BaseModel):
    """A component of a served pipeline."""

    name: str
    factory: str


class PipelineState(BaseModel):
    """A pipeline that is loaded."""

    name: str
    language: str
    components: list[Component]


class Accepting(BaseModel):
    """What a client needs to know of a selection before it sends documents."""

    selection: str = Field(description="Its id, for jobs.")
    pipeline: str
    components: list[str]
    models: dict[str, str] = Field(description="Checkpoints, with the version of their content.")
    devices: dict[str, str] = Field(description="Where models run, as `cpu float32`.")
    pageloom: str = Field(description="The version.")
    request_bytes: int = Field(description="The largest document that is taken.")


class Jobs(BaseModel):
    """Jobs by name."""

    jobs: Annotated[list[Key], Field(max_length=10_000)]


class States(BaseModel):
    """Where jobs are: waiting, done, broken (ask again), or unknown (send them again)."""

    jobs: dict[str, State]


class Names(BaseModel):
    """A client's names for a document: `source`, and what stands for a file name of the job's."""

    source: str
    names: Annotated[dict[str, str], Field(max_length=100)] = {}


class Detail(BaseModel):
    """Why a request was refused."""

    detail: str


def make_app(batcher: Batcher, tokens: Sequence[str]) -> FastAPI:
    """The application. With no `tokens`, everybody may use it.

    `batcher.start` makes it ready; until then it answers 503 to all but `/health`.
    """
    limits, metrics = batcher.limits, batcher.metrics

    def pipelines() -> Pipelines:
        if batcher.pipelines is None:
            raise refused(503, "the pipelines are being loaded", 5)
        return batcher.pipelines

    def refused(status: int, detail: str, retry_after: int | None = None) -> HTTPException:
        metrics.refused.labels(str(status)).inc()
        headers = {"Retry-After": str(retry_after)} if retry_after else None
        return HTTPException(status, detail, headers=headers)

    app = FastAPI(
        title="pageloom serve",
        version=__version__,
        description="Documents in as bytes or as a DocBin of one Doc, results out as a DocBin.",
        docs_url=None,  # its page needs scripts from elsewhere
        redoc_url=None,
        openapi_url=None,
    )
    app.add_middleware(Gate, tokens=tokens)
    # The gate looks at the token, before anything reads a body; this is for the description.
    guarded = [Depends(HTTPBearer(auto_error=False))] if tokens else []
    too_busy: dict[int | str, dict[str, Any]] = {
        401: {"model": Detail},
        413: {"model": Detail, "description": "Too many bytes or pages"},
        429: {"model": Detail, "description": "The queue is full; see Retry-After"},
        503: {"model": Detail, "description": "Loading, or stopping; see Retry-After"},
    }
    answers: dict[int | str, dict[str, Any]] = {
        200: {"content": {DOCBIN: {}}, "description": "The Doc, its errors included"},
        422: {"description": "A component failed on the document: a DocumentError"},
        500: {"model": Detail, "description": "The server lacks something; ask again later"},
    }

    @app.get("/openapi.json", include_in_schema=False, dependencies=guarded)
    def openapi() -> dict[str, Any]:
        return app.openapi()

    @app.get("/health", tags=["state"])
    def health() -> dict[str, str]:
        """The process is there. Needs no token."""
        return {"status": "ok"}

    @app.get("/ready", tags=["state"], responses={503: {"model": Detail}})
    def ready() -> dict[str, str]:
        """It takes documents: pipelines are loaded and it is not stopping. Needs no token."""
        if not batcher.ready:
            raise HTTPException(503, "stopping" if batcher.stopping else "loading")
        return {"status": "ready"}

    @app.get("/metrics", tags=["state"], dependencies=guarded)
    def prometheus() -> Response:
        """For Prometheus."""
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    @app.get("/v1/pipelines", tags=["pipelines"], dependencies=guarded)
    def list_pipelines() -> list[PipelineState]:
        """What is served here."""
        return [
            PipelineState(
                name=each.name,
                language=each.nlp.lang or "",
                components=[
                    Component(name=name, factory=each.nlp.get_pipe_meta(name).factory)
                    for name in each.nlp.pipe_names
                ],
            )
            for each in pipelines()
        ]

    @app.post(
        "/v1/selections",
        tags=["pipelines"],
        dependencies=guarded,
        responses={409: {"model": Detail, "description": "No pipeline here does that"}},
    )
    def select(asked: Asked) -> Accepting:
        """Find what is to be done: a pipeline by name, or components by their settings."""
        served = pipelines()
        try:
            selection = served.resolve(asked)
        except SelectionError as error:
            raise HTTPException(409, str(error)) from None
        batcher.store.keep_asked(selection.id, asked.model_dump_json().encode())
        return Accepting(
            selection=selection.id,
            pipeline=selection.pipeline,
            components=list(selection.components),
            models=selection.models,
            devices=served.devices(selection),
            pageloom=__version__,
            request_bytes=limits.request_bytes,
        )

    async def take(
        request: Request, selection: Selection, kind: Kind, suffix: str, name: str | None = None
    ) -> Job:
        """Accept the request's body as a job: read, checked and on disk when this returns.

        `name` is what the job must be called.
        """
        if not batcher.ready:
            await _read_away(request, limits.request_bytes)
            raise refused(503, "the server is stopping", 10)
        if not batcher.reserve():
            await _read_away(request, limits.request_bytes)
            raise refused(429, "the queue is full", batcher.retry_after())
        incoming = batcher.store.incoming()
        try:
            sha256 = await _save(request, incoming, limits.request_bytes, limits.upload_seconds)
            key = job_key(selection.id, kind, suffix, sha256)
            if name is not None and key != name:
                raise HTTPException(400, f"the body and its settings have the name {key}")
            job = Job(key, selection.id, kind, suffix, sha256, time.time())
            pages = await asyncio.to_thread(count_pages, job, selection, incoming)
            if pages > limits.pages:
                raise PageloomError(f"{pages} pages; the server takes {limits.pages}")
        except (PageloomError, _TooLargeError, TimeoutError) as error:
            incoming.unlink(missing_ok=True)
            batcher.release()
            if isinstance(error, TimeoutError):
                raise refused(408, f"not sent within {limits.upload_seconds:g} s") from None
            raise refused(413, str(error)) from None
        except BaseException:
            incoming.unlink(missing_ok=True)
            batcher.release()
            raise
        try:
            await asyncio.to_thread(batcher.accept, job, incoming)
        except OSError as error:
            incoming.unlink(missing_ok=True)
            log.error("nothing can be accepted: %s", error)
            raise refused(503, "the server's disk cannot be written to", 60) from None
        return job

    def count_pages(job: Job, selection: Selection, path: Path) -> int:
        served = batcher.pipelines
        assert served is not None
        try:
            doc, _ = open_job(job, path, served.reader(selection))
            return len(doc._.pages)
        except PageloomError:
            return 0  # its result says why

    def respond(key: str, result: Result | None) -> Response:
        headers = {"Pageloom-Job": key, "Location": f"/v1/jobs/{key}"}
        if result is None:
            if batcher.state(key) == "unknown":
                raise HTTPException(404, "no such job: send it again")
            headers["Retry-After"] = str(batcher.retry_after())
            return Response(status_code=202, headers=headers)
        if result.summary is not None:
            headers["Pageloom-Summary"] = json.dumps(result.summary)
        media = DOCBIN if result.kind == "docbin" else "application/json"
        return Response(result.data, _STATUS[result.kind], headers, media)

    @app.post("/v1/jobs", tags=["jobs"], dependencies=guarded)
    async def job_states(
        asked: Jobs, wait: Annotated[float, Query(ge=0, le=_LONGEST_WAIT)] = 0
    ) -> States:
        """Where jobs are: at once, or when none waits any more or `wait` seconds have passed."""
        if wait:
            await batcher.wait(asked.jobs, wait)
        return States(jobs={key: batcher.state(key) for key in asked.jobs})

    @app.put(
        "/v1/jobs/{key}",
        tags=["jobs"],
        dependencies=guarded,
        status_code=202,
        responses={**too_busy, 400: {"model": Detail}, 404: {"model": Detail}},
        openapi_extra=_BODY,
    )
    async def put_job(
        key: Key,
        request: Request,
        selection: Annotated[str, Query(description="The id of a selection.")],
        kind: Annotated[Kind, Query(description="What the body is.")] = "document",
        suffix: Suffix = "",
    ) -> Response:
        """Accept a document under the name of its job; the same again changes nothing.

        The name is the SHA-256 of "SELECTION KIND SUFFIX SHA256-OF-THE-BODY".
        """
        found = pipelines().selection(selection)
        if found is None:
            await _read_away(request, limits.request_bytes)
            raise HTTPException(404, "no such selection: ask for it again")
        if batcher.state(key) in ("waiting", "done"):
            await _read_away(request, limits.request_bytes)
        else:
            await take(request, found, kind, suffix, key)
        return Response(status_code=202, headers={"Location": f"/v1/jobs/{key}"})

    @app.get(
        "/v1/jobs/{key}",
        tags=["jobs"],
        dependencies=guarded,
        responses={**answers, 202: {"description": "Waiting"}, 404: {"model": Detail}},
    )
    def get_job(key: Key) -> Response:
        """What a job came to."""
        return respond(key, batcher.result(key))

    @app.post(
        "/v1/jobs/{key}",
        tags=["jobs"],
        dependencies=guarded,
        responses={**answers, 202: {"description": "Waiting"}, 404: {"model": Detail}},
    )
    def name_job(key: Key, names: Names) -> Response:
        """What a job came to, under the client's own names, with a summary in a header.

        A document of which nothing remains is answered with 422 and its first error.
        """
        result = batcher.result(key)
        if result is not None:
            result = named(result, names.source, names.names, Vocab())
        return respond(key, result)

    @app.post(
        "/v1/documents",
        tags=["jobs"],
        dependencies=guarded,
        responses={**answers, **too_busy},
        openapi_extra=_BODY,
    )
    async def document(
        request: Request,
        pipeline: Annotated[
            str, Query(description="By name; may be left out if it is the only.")
        ] = "",
        kind: Kind = "document",
        suffix: Suffix = "",
    ) -> Response:
        """Send a document and wait for its result, in one request.

        If the connection breaks, sending it again finds the result.
        """
        served = pipelines()
        names = [each.name for each in served]
        if not pipeline and len(names) > 1:
            await _read_away(request, limits.request_bytes)
            raise HTTPException(409, f"name one of the pipelines: {', '.join(names)}")
        name = pipeline or names[0]
        try:
            selection = await asyncio.to_thread(served.resolve, Asked(config=name))
        except SelectionError as error:
            await _read_away(request, limits.request_bytes)
            raise HTTPException(409, str(error)) from None
        batcher.store.keep_asked(selection.id, Asked(config=name).model_dump_json().encode())
        job = await take(request, selection, kind, suffix)
        while batcher.state(job.key) == "waiting":
            await batcher.wait([job.key], _LONGEST_WAIT)
        return respond(job.key, await asyncio.to_thread(batcher.result, job.key))

    return app


_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {}, "application/pdf": {}, DOCBIN: {}},
    }
}


class _TooLargeError(Exception):
    """A request's body has more bytes than the server takes."""


async def _save(request: Request, path: Path, most: int, seconds: float) -> str:
    """Write the body to a file; its SHA-256."""
    told = request.headers.get("content-length", "")
    if told.isdigit() and int(told) > most:
        raise _TooLargeError(f"{told} bytes; the server takes {most}")
    digest, size = hashlib.sha256(), 0
    async with asyncio.timeout(seconds):
        with path.open("wb") as file:
            async for chunk in request.stream():
                size += len(chunk)
                if size > most:
                    raise _TooLargeError(f"more than the {most} bytes that the server takes")
                digest.update(chunk)
                file.write(chunk)
    return digest.hexdigest()


async def _read_away(request: Request, most: int) -> None:
    """Read a body that is not wanted, so that its sender comes to hear why; not a huge one."""
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > most:
            return
