"""The client of `pageloom serve`: what to do, jobs in, results out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import httpx

from pageloom_provider.spec import Pipeline

__all__ = [
    "BusyError",
    "PageloomServer",
    "RefusedError",
    "Result",
    "Selection",
    "ServerError",
    "TooLargeError",
]

_SECONDS = 60.0  # for an answer
_LONGEST_WAIT = 30.0  # seconds for which the server is asked to hold an answer back
_RETRY = 5.0  # seconds, where the server does not say


class ServerError(RuntimeError):
    """The server cannot do what is asked for; no document is to blame."""


class BusyError(ServerError):
    """The server cannot take it now: its queue is full, it starts, stops or is away.

    `retry_after` is in seconds.
    """

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class RefusedError(ServerError):
    """The server refuses: a wrong token, or nothing there does what is asked for."""


class TooLargeError(ServerError):
    """A document has more bytes or pages than the server takes."""


class Selection(NamedTuple):
    """What the server does for a pipeline.

    `models` are its checkpoints, each with the version of its content; `pageloom` is its version;
    `request_bytes` is the largest document that it takes.
    """

    id: str
    components: tuple[str, ...]
    models: dict[str, str]
    devices: dict[str, str]
    pageloom: str
    request_bytes: int


class Result(NamedTuple):
    """What a job came to: a `DocBin`, or why nothing came of the document.

    `failure` has component, category, page and message; `summary` pages, words, fields and the
    first errors (page, message), where names were given.
    """

    docbin: bytes | None
    failure: dict[str, Any] | None
    summary: dict[str, Any]


class PageloomServer:
    """A server, by its address and token; it opens a connection for each request.

    Args:
        address: `https://gpu-1.example:8700`.
        token: that of the server; None where it has none.
    """

    def __init__(self, address: str, token: str | None = None) -> None:
        self.address = address.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def select(self, pipeline: Pipeline) -> Selection:
        """What the server does for this pipeline.

        Raises:
            RefusedError: No pipeline of the server does this; says what differs.
            BusyError: It cannot be asked now.
        """
        given = pipeline.model_dump(mode="json")
        found = self._ask("POST", "/v1/selections", json=given).json()
        return Selection(
            found["selection"],
            tuple(found["components"]),
            found["models"],
            found["devices"],
            found["pageloom"],
            found["request_bytes"],
        )

    def states(self, jobs: Iterable[str], wait: float = 0.0) -> dict[str, str]:
        """Where jobs are: waiting, done, broken or unknown; at once, or after `wait` seconds.

        Sooner where none waits any more.
        """
        given = {"jobs": sorted(set(jobs))}
        answer = self._ask("POST", "/v1/jobs", params={"wait": wait}, json=given)
        return dict(answer.json()["jobs"])

    async def wait(self, jobs: Sequence[str]) -> dict[str, str]:
        """Where jobs are, when none waits any more or half a minute has passed."""
        async with httpx.AsyncClient(headers=self._headers, timeout=_SECONDS) as client:
            with _told(self.address):
                answer = await client.post(
                    f"{self.address}/v1/jobs",
                    params={"wait": _LONGEST_WAIT},
                    json={"jobs": list(jobs)},
                )
        return dict(_checked(answer).json()["jobs"])

    def send(self, job: str, selection: Selection, kind: str, suffix: str, data: bytes) -> None:
        """Send a document under its job's name; again, it changes nothing.

        Raises:
            BusyError: The queue is full, or the server is stopping.
            TooLargeError: It has more bytes or pages than the server takes.
        """
        parameters = {"selection": selection.id, "kind": kind, "suffix": suffix}
        self._ask("PUT", f"/v1/jobs/{job}", params=parameters, content=data)

    def result(self, job: str) -> Result | None:
        """What a job came to; None where it is not done.

        Raises:
            ServerError: The server lacks something that the document needs.
        """
        return _result(self._ask("GET", f"/v1/jobs/{job}", also=(404, 422)))

    def named_result(self, job: str, source: str, names: Mapping[str, str]) -> Result | None:
        """What a job came to, the document called `source` and its files by other names.

        A document of which nothing remains is a failure. Raises as `result`.
        """
        given = {"source": source, "names": dict(names)}
        return _result(self._ask("POST", f"/v1/jobs/{job}", also=(404, 422), json=given))

    def check(self) -> None:
        """Ask for what needs the token. Raises `ServerError`."""
        self._ask("GET", "/v1/pipelines")

    def _ask(
        self, method: str, path: str, also: Sequence[int] = (), **arguments: Any
    ) -> httpx.Response:
        with _told(self.address):
            answer = httpx.request(
                method,
                self.address + path,
                headers=self._headers,
                timeout=_SECONDS,
                **arguments,
            )
        return _checked(answer, also)


def job_name(selection: Selection, kind: str, suffix: str, sha256: str) -> str:
    """The server's name for a job: the same for the same work on the same bytes."""
    return hashlib.sha256(f"{selection.id} {kind} {suffix} {sha256}".encode()).hexdigest()


def _result(answer: httpx.Response) -> Result | None:
    if answer.status_code in (202, 404):
        return None
    if answer.status_code == 422:
        return Result(None, answer.json(), {})
    return Result(answer.content, None, json.loads(answer.headers.get("Pageloom-Summary", "{}")))


@contextmanager
def _told(address: str) -> Iterator[None]:
    """Errors of the network, as the server being away."""
    try:
        yield
    except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        raise RefusedError(f"the server's address {address!r} is none: {error}") from None
    except httpx.TransportError as error:
        reason = f"{type(error).__name__}: {error}"
        raise BusyError(f"the server {address} is away ({reason})", _RETRY) from None


def _checked(answer: httpx.Response, also: Sequence[int] = ()) -> httpx.Response:
    """The answer, if it is a good one or one of `also`."""
    status = answer.status_code
    if status < 300 or status in also:
        return answer
    address = f"{answer.request.url.scheme}://{answer.request.url.netloc.decode()}"
    message = f"the server {address} answers {status}: {_detail(answer)}"
    if status in (408, 429, 502, 503, 504):
        raise BusyError(message, _retry_after(answer))
    if status == 413:
        raise TooLargeError(_detail(answer))
    if status in (400, 401, 403, 404, 405, 409):
        raise RefusedError(message)
    raise ServerError(message)


def _detail(answer: httpx.Response) -> str:
    try:
        detail = answer.json()["detail"]
    except (ValueError, TypeError, KeyError):
        return answer.text[:200]
    return str(detail)


def _retry_after(answer: httpx.Response) -> float:
    try:
        return max(1.0, float(answer.headers["Retry-After"]))
    except (KeyError, ValueError):  # there is none, or it is a date
        return _RETRY
