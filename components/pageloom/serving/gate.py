"""What a request meets first: the token, and the size of what is not a document."""

from __future__ import annotations

import hmac
import json
from collections.abc import Sequence
from typing import Any

__all__ = ["Gate"]

_OPEN = ("/health", "/ready")
_MOST_JSON = 1 << 20


class Gate:
    """ASGI middleware: 401 without one of the tokens, 413 for JSON of more than 1 MiB.

    Args:
        app: what is behind it.
        tokens: one of them is needed for all but `/health` and `/ready`; none where it is empty.
    """

    def __init__(self, app: Any, tokens: Sequence[str]) -> None:
        self._app = app
        self._tokens = [token.encode() for token in tokens]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Let a request through, or answer it here."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        path = scope["path"]
        if path not in _OPEN and not self._knows(headers.get(b"authorization", b"")):
            await _refuse(send, 401, "give the server's token", (b"www-authenticate", b"Bearer"))
        elif not _is_small(scope["method"], path, headers):
            await _refuse(send, 413, f"give JSON of at most {_MOST_JSON} bytes, and its length")
        else:
            await self._app(scope, receive, send)

    def _knows(self, header: bytes) -> bool:
        if not self._tokens:
            return True
        scheme, _, said = header.partition(b" ")
        # Each is compared, and in constant time.
        known = [hmac.compare_digest(said.strip(), token) for token in self._tokens]
        return scheme.lower() == b"bearer" and any(known)


def _is_small(method: str, path: str, headers: dict[bytes, bytes]) -> bool:
    """Whether a body is small, or a document, whose size is looked at where it is read."""
    if method not in ("POST", "PUT", "PATCH"):
        return True
    if path == "/v1/documents" or (method == "PUT" and path.startswith("/v1/jobs/")):
        return True
    length = headers.get(b"content-length", b"")
    return length.isdigit() and int(length) <= _MOST_JSON


async def _refuse(send: Any, status: int, detail: str, *headers: tuple[bytes, bytes]) -> None:
    body = json.dumps({"detail": detail}).encode()
    start = [(b"content-type", b"application/json"), *headers]
    await send({"type": "http.response.start", "status": status, "headers": start})
    await send({"type": "http.response.body", "body": body})
