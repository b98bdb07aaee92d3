"""Pictures of pages: made when they are asked for, and kept in bounds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from pageloom_provider.plugin.caching import ByteCache

__all__ = ["WIDTHS", "PictureError", "Renderer", "page_picture"]

WIDTHS = (240, 1600)
CACHE_BYTES = 48 << 20
SECONDS = 30
# A library that loses a little memory with each picture does not lose much.
PICTURES_A_PROCESS = 500
# What a Python needs to find its packages; no secrets, as documents come from anywhere.
ENVIRONMENT = (
    "HOME",
    "LANG",
    "LD_LIBRARY_PATH",
    "PATH",
    "PYTHONHOME",
    "PYTHONPATH",
    "PYTHONUSERBASE",
    "TMPDIR",
    "VIRTUAL_ENV",
)
PROGRAM = Path(__file__).with_name("renderer.py")

_pictures = ByteCache(CACHE_BYTES)


class PictureError(Exception):
    """A page cannot be shown; the message says why."""


class Renderer:
    """The process that makes pictures: started when it is needed, ended when it hangs.

    Args:
        seconds: How long a picture may take.
    """

    def __init__(self, seconds: float = SECONDS) -> None:
        self.seconds = seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._made = 0
        self._lock = threading.Lock()

    def picture(
        self, data: bytes, page: int, width: int, box: tuple[int, ...] | None = None
    ) -> bytes:
        """A WebP picture of a page (from 1) of a document, `width` pixels wide or less.

        With a box (on 0-1000 of the page), of the part of the page around it, and it is framed.

        Raises:
            PictureError: The document cannot be decoded, or not in time.
        """
        asked = {"page": page, "width": width, "box": box, "length": len(data)}
        with self._lock:
            head, content = self._asked(json.dumps(asked).encode() + b"\n" + data)
        if head["error"]:
            raise PictureError(f"The page cannot be shown: {head['error']}.")
        return content

    def close(self) -> int | None:
        """End the process; returns what it ended with."""
        process, self._process = self._process, None
        if process is None:
            return None
        try:
            process.wait(0.2)
        except subprocess.TimeoutExpired:
            process.kill()
        for stream in (process.stdin, process.stdout):
            with suppress(OSError):  # what is left in it to be written
                if stream:
                    stream.close()
        return process.wait()

    def _asked(self, request: bytes) -> tuple[dict[str, str | None], bytes]:
        for _ in range(2):
            answer = self._exchanged(self._running(), request)
            if answer is not None:
                self._made += 1
                return answer
            if self.close() != 0:  # 0: it was idle, and ended just as the request came
                break
        raise PictureError(
            f"The page cannot be shown: its document could not be decoded in {self.seconds:g} s "
            "and bounded memory."
        )

    def _exchanged(
        self, process: subprocess.Popen[bytes], request: bytes
    ) -> tuple[dict[str, str | None], bytes] | None:
        """What the process answers; None where it ends over it."""
        assert process.stdin
        assert process.stdout
        alarm = threading.Timer(self.seconds, process.kill)
        alarm.start()
        try:
            process.stdin.write(request)
            process.stdin.flush()
            line = process.stdout.readline()
            if not line:
                return None
            head = json.loads(line)
            content = process.stdout.read(head["length"])
            return (head, content) if len(content) == head["length"] else None
        except BrokenPipeError:
            return None
        finally:
            alarm.cancel()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._made >= PICTURES_A_PROCESS or (
            self._process is not None and self._process.poll() is not None
        ):
            self.close()
        if self._process is None:
            self._made = 0
            self._process = subprocess.Popen(
                [sys.executable, "-P", str(PROGRAM)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={name: os.environ[name] for name in ENVIRONMENT if name in os.environ},
            )
        return self._process


_renderer = Renderer()


def page_picture(
    data: bytes, identity: str, page: int, width: int, box: tuple[int, ...] | None = None
) -> bytes:
    """A picture of a document's page, or of its part around a box, kept for the next time.

    Raises:
        PictureError: There is none, or nothing here that could make one.
    """
    name = picture_name(identity, page, width, box)
    kept = _pictures.get(name)
    if kept is not None:
        return kept
    if not all(find_spec(package) for package in ("pypdfium2", "PIL")):
        raise PictureError(
            "Pictures of pages need pypdfium2 and Pillow on the API server: "
            "pip install 'airflow-provider-pageloom[viewer]'."
        )
    content = _renderer.picture(data, page, width, box)
    _pictures.put(name, content)
    return content


def kept_picture(name: str) -> bytes | None:
    """A picture that was made before, by `picture_name`, or None."""
    return _pictures.get(name)


def picture_name(identity: str, page: int, width: int, box: tuple[int, ...] | None = None) -> str:
    """What names a picture: the document's hash, the page, the width, the box."""
    return "-".join(map(str, (identity, page, width, *(box or ()))))
