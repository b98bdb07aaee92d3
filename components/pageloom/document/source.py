"""Where a document's bytes come from: a path, a URI or memory; and what kind of file they are."""

from __future__ import annotations

import atexit
import hashlib
import os
import re
import shutil
import tempfile
import threading
from collections import OrderedDict
from io import BufferedReader, BytesIO
from pathlib import Path
from urllib.parse import unquote

from pageloom.errors import DocumentOpenError

__all__ = ["Source", "is_uri", "kind_mismatch", "local_path", "sniff"]

COPIES_BYTES = 1 << 30
"""How much of remote documents is kept on this machine's disk by one process."""

_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]+(://|::)")

# A kind's opening bytes. Pillow and pypdfium2 decide on the rest.
_MAGIC: tuple[tuple[bytes, int, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", 0, "PNG"),
    (b"\xff\xd8\xff", 0, "JPEG"),
    (b"II*\x00", 0, "TIFF"),
    (b"MM\x00*", 0, "TIFF"),
    (b"II+\x00", 0, "TIFF"),
    (b"MM\x00+", 0, "TIFF"),
    (b"WEBP", 8, "WebP"),
    (b"GIF8", 0, "GIF"),
    (b"BM", 0, "BMP"),
    (b"\x00\x00\x00\x0cjP  ", 0, "JPEG 2000"),
)
_OTHER: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "a ZIP archive (an Office document?)"),
    (b"\xd0\xcf\x11\xe0", "an old Office document"),
    (b"{\\rtf", "RTF text"),
    (b"%!PS", "PostScript"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\x00\x00\x00\x18ftyphei", "a HEIC photo"),
    (b"\x00\x00\x00\x1cftyphei", "a HEIC photo"),
    (b"\x00\x00\x00\x20ftypavif", "an AVIF picture"),
)
_SUFFIXES = {
    ".pdf": "PDF",
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".webp": "WebP",
    ".gif": "GIF",
    ".bmp": "BMP",
    ".jp2": "JPEG 2000",
}


def is_uri(name: str) -> bool:
    """Whether `name` goes through fsspec: `s3://...`, `memory://...`, `zip://a::/b.zip`."""
    return _URI.match(name) is not None


def sniff(head: bytes) -> str | None:
    """The kind of file that begins with `head` (1,024 bytes): "PDF", "PNG", ...; or None."""
    for magic, offset, kind in _MAGIC:
        if head.startswith(magic, offset):
            return kind
    return "PDF" if b"%PDF-" in head[:1024] else None


def kind_mismatch(name: str, head: bytes) -> str:
    """What a file's name and its content say, for the message that neither can be opened."""
    kind = sniff(head)
    if kind is None:
        kind = next((other for magic, other in _OTHER if head.startswith(magic)), None)
    if kind is None:
        kind = "text" if _is_text(head) else "of no kind known here"
    named = _SUFFIXES.get(Path(name).suffix.lower())
    content = f"its content is {kind}" + (" data" if kind in _SUFFIXES.values() else "")
    return f"it is named as a {named} file, but {content}" if named not in (None, kind) else content


def _is_text(head: bytes) -> bool:
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start > len(head) - 4 and b"\x00" not in head
    return b"\x00" not in head


class Source:
    """The bytes of one document, on this machine's disk or in memory; a context manager.

    Args:
        name: what messages call it.
        target: a file, or the bytes themselves.
    """

    def __init__(self, name: str, target: Path | bytes) -> None:
        self.name = name
        self.target = target
        self._file: BytesIO | BufferedReader | None = None

    def __enter__(self) -> Source:
        try:
            self._file = BytesIO(self.target) if isinstance(self.target, bytes) else _open(self)
        except FileNotFoundError:
            raise _missing(self.name) from None
        except OSError as error:
            raise DocumentOpenError(
                f"{self.name}: cannot be read ({error.strerror or error}); check its permissions",
                category="unreadable",
            ) from error
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    @property
    def file(self) -> BytesIO | BufferedReader:
        """The open file, at any position."""
        if self._file is None:
            raise RuntimeError("a Source is open only inside its with block")
        return self._file

    @property
    def size(self) -> int:
        """Bytes of the content."""
        return self.file.seek(0, os.SEEK_END)

    def read(self, size: int, *, from_end: bool = False) -> bytes:
        """The first or last `size` bytes, or fewer where there are fewer."""
        self.file.seek(max(0, self.size - size) if from_end else 0)
        data = self.file.read(size)
        self.file.seek(0)
        return data

    def sha256(self) -> str:
        """Digest of the content, read in pieces."""
        self.file.seek(0)
        digest = hashlib.file_digest(self.file, "sha256").hexdigest()
        self.file.seek(0)
        return digest

    def signature(self) -> tuple[int, int] | None:
        """Size and modification time of the file; None for bytes, which cannot change."""
        if isinstance(self.target, bytes):
            return None
        status = os.fstat(self.file.fileno())
        return status.st_size, status.st_mtime_ns


def _missing(name: str) -> DocumentOpenError:
    return DocumentOpenError(
        f"{name}: there is no such file; check the path or URI", category="missing"
    )


def _open(source: Source) -> BufferedReader:
    assert isinstance(source.target, Path)
    if source.target.is_dir():
        raise DocumentOpenError(
            f"{source.name}: is a folder; give the files in it one by one", category="unsupported"
        )
    if source.target.exists() and not source.target.is_file():
        raise DocumentOpenError(
            f"{source.name}: is a device or a pipe; save its content to a file first",
            category="unsupported",
        )
    return source.target.open("rb")


def local_path(name: str, *, fresh: bool = False) -> Path:
    """A file on this machine's disk with the content of a path or URI.

    What is remote is fetched once and kept, up to `COPIES_BYTES`, until the process ends; `fresh`
    fetches it again.

    Raises:
        DocumentOpenError: the URI is missing, not readable, or of a protocol not installed.
    """
    if not is_uri(name):
        return Path(name).expanduser()
    if name.startswith(("file://", "local://")):
        path = Path(name.partition("://")[2])
        return path if path.exists() else Path(unquote(str(path)))
    return _COPIES.path(name, fresh=fresh)


class _Copies:
    """Local copies of remote documents, the least recently used dropped first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._folder: Path | None = None
        self._sizes: OrderedDict[str, int] = OrderedDict()

    def path(self, uri: str, *, fresh: bool) -> Path:
        with self._lock:
            if self._folder is None:
                self._folder = Path(tempfile.mkdtemp(prefix="pageloom-"))
                atexit.register(_remove, self._folder, os.getpid())
            target = self._folder / hashlib.sha256(uri.encode("utf-8", "replace")).hexdigest()
            if not fresh and uri in self._sizes and target.exists():
                self._sizes.move_to_end(uri)
                return target
            aside = target.with_suffix(".part")
            try:
                _fetch(uri, aside)
                aside.replace(target)
            finally:
                aside.unlink(missing_ok=True)
            self._sizes[uri] = target.stat().st_size
            while len(self._sizes) > 1 and sum(self._sizes.values()) > COPIES_BYTES:
                old, _ = self._sizes.popitem(last=False)
                (self._folder / hashlib.sha256(old.encode()).hexdigest()).unlink(missing_ok=True)
            return target


def _remove(folder: Path, owner: int) -> None:
    if os.getpid() == owner:  # a forked child inherits the exit handler, not the folder
        shutil.rmtree(folder, ignore_errors=True)


_COPIES = _Copies()


def _fetch(uri: str, target: Path) -> None:
    import fsspec

    try:
        with fsspec.open(uri, "rb") as remote, target.open("wb") as local:
            shutil.copyfileobj(remote, local, 1 << 20)
    except FileNotFoundError:
        raise _missing(uri) from None
    except ImportError as error:
        raise DocumentOpenError(
            f"{uri}: its protocol needs a package that is not installed: {error}",
            category="unsupported",
        ) from error
    except ValueError as error:
        raise DocumentOpenError(
            f"{uri}: fsspec cannot read it ({error}); use a protocol it knows, such as s3://, "
            "gs://, https:// or file://",
            category="unsupported",
        ) from error
    except Exception as error:  # a backend raises what it likes: network, credentials, HTTP
        raise DocumentOpenError(
            f"{uri}: cannot be fetched ({type(error).__name__}: {error}); check the address, the "
            "credentials and the network",
            category="unreadable",
        ) from error


def _after_fork() -> None:
    # The parent owns its folder: a child that dropped a copy would take it from the parent.
    global _COPIES
    _COPIES = _Copies()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
