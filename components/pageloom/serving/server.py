"""Running the server: loading beside answering, and an end that finishes what was accepted."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

import uvicorn

from pageloom.errors import PageloomError
from pageloom.serving.app import make_app
from pageloom.serving.batching import Batcher
from pageloom.serving.limits import Limits
from pageloom.serving.metrics import Metrics
from pageloom.serving.pipelines import load
from pageloom.serving.store import Store

__all__ = ["default_folder", "serve"]

log = logging.getLogger(__name__)

_LOCAL = ("127.0.0.1", "::1", "localhost")


def default_folder(port: int) -> Path:
    """Where a server on this port keeps its jobs."""
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(cache).expanduser() / "pageloom" / "serve" / str(port)


def serve(
    paths: Sequence[Path],
    *,
    host: str,
    port: int,
    tokens: Sequence[str],
    folder: Path,
    limits: Limits,
    certificate: Path | None = None,
    key: Path | None = None,
) -> None:
    """Serve pipelines until SIGTERM or SIGINT, and then until what was accepted is done.

    A second signal ends it at once; the accepted jobs are then done by the next server.

    Raises:
        PageloomError: No token on an address that others reach; a folder in use; a pipeline or a
            model that cannot be loaded.
    """
    if not tokens and host not in _LOCAL:
        raise PageloomError(f"others reach {host}: give a token, or serve on 127.0.0.1")
    store = Store(folder, limits.keep, limits.kept_bytes)
    batcher = Batcher(store, limits, Metrics())
    server = _Server(
        uvicorn.Config(
            make_app(batcher, tokens),
            host=host,
            port=port,
            log_config=None,
            ws="none",
            server_header=False,
            ssl_certfile=certificate,
            ssl_keyfile=key,
        ),
        batcher,
    )
    problems: list[BaseException] = []

    def prepare() -> None:
        try:
            pipelines = load(paths)
            batcher.start(pipelines)
        except BaseException as error:
            problems.append(error)
            server.should_exit = True

    batcher.on_drained = server.leave
    # A daemon: a second signal does not wait for it.
    threading.Thread(target=prepare, name="pageloom-load", daemon=True).start()
    try:
        server.run()
    finally:
        store.close()
    if problems:
        raise problems[0]
    if not server.started:
        raise PageloomError(f"{host}:{port} cannot be listened on")


class _Server(uvicorn.Server):
    """It goes on answering while the accepted jobs are being done, and takes no more."""

    def __init__(self, config: uvicorn.Config, batcher: Batcher) -> None:
        super().__init__(config)
        self._batcher = batcher

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """On the first signal finish the jobs; on the second one leave at once."""
        if self._batcher.stopping:
            log.warning("%s again: leaving", signal.Signals(sig).name)
            self.should_exit = self.force_exit = True
        else:
            log.info("%s: finishing what was accepted", signal.Signals(sig).name)
            # Not here: the signal may have come while this very thread holds the queue's lock.
            threading.Thread(target=self._batcher.stop, daemon=True).start()

    def leave(self) -> None:
        """Answer the requests that are here, and stop."""
        self.should_exit = True
