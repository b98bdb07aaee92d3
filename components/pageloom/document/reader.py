"""Opening documents: `open_document`, and the tokenizer that does it for a pipeline."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import srsly
from spacy.tokens import Doc
from spacy.vocab import Vocab

from pageloom.document.content import CONTENTS, Content
from pageloom.document.extensions import register
from pageloom.document.source import Source, is_uri, kind_mismatch, local_path, sniff
from pageloom.document.types import DocumentError, Page
from pageloom.errors import DocumentOpenError

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["MAX_PIXELS", "DocumentReader", "open_document"]

MAX_PIXELS = 89_000_000
"""Pixels of one page that are still decoded: an A4 page at 900 dpi; 270 MB of memory."""

COMPONENT = "reader"
_LOG = logging.getLogger("pageloom")

register()


def open_document(
    source: str | os.PathLike[str] | bytes | Image.Image | Sequence[Image.Image],
    vocab: Vocab,
    *,
    pages: Iterable[int] | None = None,
    dpi: int = 200,
    password: str | None = None,
    max_pixels: int = MAX_PIXELS,
) -> Doc:
    """Open a document: a `Doc` without tokens that knows its pages.

    PDF, multi-page TIFF, PNG, JPEG, WebP, GIF, BMP and JPEG 2000, told by content and not by name.
    Nothing is decoded and nothing stays open: `page.image` opens the source when it is used.

    Args:
        source: a path, a URI (through fsspec), the bytes of a file, a picture or a list of them.
        vocab: that of the pipeline, `nlp.vocab`.
        pages: which to read, from 1; all by default.
        dpi: at which PDF pages are rendered, 1 to 2400. Images keep their own pixels.
        password: of an encrypted PDF. It is kept in this process only, never in the `Doc`.
        max_pixels: of one page; larger ones are refused.

    Returns:
        A `Doc` with `doc._.pages`, `doc._.source` and `doc._.sha256`. Where some pages are damaged
        or too large and others are not, the former are in `doc._.errors`.

    Raises:
        DocumentOpenError: missing, empty, truncated, encrypted, unsupported, too large, unreadable;
            `category` has that word, the message names the file, the cause and the way out.
    """
    from pageloom.document import pdf

    if not 1 <= dpi <= 2400:
        raise DocumentOpenError(f"dpi={dpi}: give 1 to 2400", category="unsupported")
    if not isinstance(source, (str, os.PathLike, bytes, bytearray, memoryview)):
        return _from_images(source, vocab, pages, max_pixels)
    if isinstance(source, (str, os.PathLike)):
        given = os.fspath(source)
        if not given:
            raise DocumentOpenError("the path is empty; give a path or a URI", category="missing")
        if "\x00" in given:
            raise DocumentOpenError(
                f"{given!r}: is no path, it holds a NUL character", category="missing"
            )
        opened = Source(given, local_path(given, fresh=True))
        name = given if is_uri(given) else str(Path(given).expanduser().absolute())
        content = None
    else:
        data = bytes(source)
        given = name = f"bytes:{hashlib.sha256(data).hexdigest()[:16]}"
        opened, content = Source(given, data), Content(data)

    with opened:
        head = opened.read(1024)
        if not head:
            raise DocumentOpenError(
                f"{given}: the file is empty; fetch or copy it again", category="empty"
            )
        kind = sniff(head)
        if kind is None:
            raise DocumentOpenError(
                f"{given}: cannot be opened: {kind_mismatch(given, head)}; give a PDF, TIFF, PNG, "
                "JPEG or WebP file",
                category="unsupported",
            )
        sha256 = opened.sha256()
        from pageloom.document.images import verify

        verify(name, sha256, opened.signature())
        try:
            sizes: Sequence[tuple[int, int, int] | None]
            if kind == "PDF":
                with pdf.open_pdf(opened, sha256, password) as document:
                    points = pdf.page_sizes(document)
                sizes = [size and (*pdf.pixel_size(size, dpi), dpi) for size in points]
                pdf.remember(password, sha256)
            else:
                sizes = _image_sizes(opened, kind)
        except DocumentOpenError as error:
            raise _named(error, given, head) from error
    if not sizes:
        raise DocumentOpenError(
            f"{given}: has no pages; fetch or copy it again", category="truncated"
        )
    found: list[Page] = []
    errors: list[tuple[int, DocumentOpenError]] = []
    for number in _chosen(given, pages, len(sizes)):
        size = sizes[number - 1]
        try:
            if size is None:
                raise pdf.broken_page(given, number)
            _check_size(given, number, size, max_pixels, scalable=kind == "PDF")
        except DocumentOpenError as error:
            errors.append((number, error))
        else:
            found.append(Page(number, *size, source=name, sha256=sha256, content=content))
    if errors and not found:
        raise errors[0][1]
    return _doc(vocab, given, sha256, found, errors, [] if content is None else [content])


def _image_sizes(source: Source, kind: str) -> list[tuple[int, int, int]]:
    from pageloom.document.images import check_whole, damaged, frames, open_image

    with open_image(source) as image:
        try:
            sizes = frames(image)
        except Exception as error:  # a TIFF whose chain of pages leads nowhere
            raise damaged(source, error) from error
    check_whole(source, kind)
    return sizes


def _named(error: DocumentOpenError, name: str, head: bytes) -> DocumentOpenError:
    """`error`, with what the name promised where the content is of another kind."""
    said = kind_mismatch(name, head)
    if not said.startswith("it is named") or error.category in ("encrypted", "too_large"):
        return error
    return DocumentOpenError(f"{error}; {said}", category=error.category)


def _from_images(source: Any, vocab: Vocab, pages: Iterable[int] | None, max_pixels: int) -> Doc:
    from PIL import Image

    from pageloom.document.images import frames, to_rgb

    images = [source] if isinstance(source, Image.Image) else source
    if not isinstance(images, (list, tuple)) or not all(
        isinstance(image, Image.Image) for image in images
    ):
        raise DocumentOpenError(
            f"a {type(source).__name__} is no document; give a path, a URI, bytes, a PIL image or "
            "a list of PIL images",
            category="unsupported",
        )
    if not images:
        raise DocumentOpenError("the list of images is empty; give at least one", category="empty")
    given = getattr(images[0], "filename", "") or "image"
    whole = hashlib.sha256()
    found: list[tuple[int, Image.Image, int]] = []
    for number, image in enumerate(images, start=1):
        size = (image.width, image.height, 0)
        _check_size(str(given), number, size, max_pixels, scalable=False)
        try:
            picture = to_rgb(image)
            dpi = frames(image)[0][2] if image.format in (None, "PNG", "JPEG") else 0
        except Exception as error:
            raise DocumentOpenError(
                f"{given}, page {number}: the picture cannot be decoded ({error})",
                category="truncated" if "truncated" in str(error) else "unreadable",
            ) from error
        whole.update(f"{picture.width}x{picture.height}:".encode())
        whole.update(picture.tobytes())
        found.append((number, picture, dpi))
    sha256 = whole.hexdigest()
    name = f"image:{sha256[:16]}"
    chosen = _chosen(name, pages, len(found))
    contents = {number: Content(picture, number) for number, picture, _ in found}
    result = [
        Page(number, picture.width, picture.height, dpi, name, sha256, contents[number])
        for number, picture, dpi in (found[number - 1] for number in chosen)
    ]
    return _doc(vocab, name, sha256, result, [], [contents[number] for number in chosen])


def _check_size(
    name: str, number: int, size: tuple[int, int, int], max_pixels: int, *, scalable: bool
) -> None:
    width, height, dpi = size
    if width * height <= max_pixels:
        return
    where = f"{name}, page {number}: {width} x {height} pixels"
    if scalable:
        fits = max(1, int(dpi * (max_pixels / (width * height)) ** 0.5))
        raise DocumentOpenError(
            f"{where} at dpi={dpi} is more than max_pixels={max_pixels}; give dpi={fits} or less, "
            "or a larger max_pixels",
            category="too_large",
        )
    raise DocumentOpenError(
        f"{where} is more than max_pixels={max_pixels}; scale the image down, or give a larger "
        "max_pixels",
        category="too_large",
    )


def _chosen(name: str, pages: Iterable[int] | None, count: int) -> list[int]:
    if pages is None:
        return list(range(1, count + 1))
    chosen = list(dict.fromkeys(int(page) for page in pages))
    for page in chosen:
        if not 1 <= page <= count:
            raise DocumentOpenError(
                f"{name}: has {count} page(s), and pages={chosen} asks for page {page}; pages "
                "count from 1",
                category="missing",
            )
    return chosen


def _doc(
    vocab: Vocab,
    name: str,
    sha256: str,
    pages: list[Page],
    errors: Sequence[tuple[int, DocumentOpenError]],
    contents: list[Content],
) -> Doc:
    doc = Doc(vocab)
    if contents:
        doc.user_data[CONTENTS] = contents
    doc._.source, doc._.sha256, doc._.pages = name, sha256, pages
    if errors:
        doc._.errors = [DocumentError.of(error, COMPONENT, page=page) for page, error in errors]
    return doc


class DocumentReader:
    """The tokenizer `pageloom.DocumentReader.v1`: `nlp("invoice.pdf")` opens the document.

    A pipeline takes paths and URIs with it: `nlp.pipe(paths)`. It never raises for a bad
    document: it returns a `Doc` without pages and tokens, with the error in `doc._.errors`, so a
    batch goes on.

    Args:
        vocab: that of the pipeline.
        dpi: at which PDF pages are rendered.
        password: tried on every encrypted PDF.
        max_pixels: of one page; larger ones are refused.
    """

    def __init__(
        self,
        vocab: Vocab,
        *,
        dpi: int = 200,
        password: str | None = None,
        max_pixels: int = MAX_PIXELS,
    ) -> None:
        self.vocab = vocab
        self.dpi = dpi
        self.password = password
        self.max_pixels = max_pixels
        self._remember()

    def _remember(self) -> None:
        if self.password is not None:
            from pageloom.document import pdf

            pdf.remember(self.password)

    def __call__(self, source: Any) -> Doc:
        """Open `source`; whatever `open_document` takes, as a pipeline mostly a path or URI."""
        try:
            return open_document(
                source,
                self.vocab,
                dpi=self.dpi,
                password=self.password,
                max_pixels=self.max_pixels,
            )
        except Exception as error:
            name = str(source) if isinstance(source, (str, os.PathLike)) else ""
            doc = _doc(self.vocab, name, "", [], [], [])
            doc._.errors = [DocumentError.of(error, COMPONENT, source=name)]
            _LOG.warning("%s", doc._.errors[0].message)
            return doc

    def pipe(self, sources: Iterable[Any], batch_size: int = 1) -> Iterable[Doc]:
        """Open each of `sources` as it is asked for."""
        for source in sources:
            yield self(source)

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._remember()

    # On disk the pipeline's config has the settings, so that `spacy.load(path, config=...)` can
    # give others. The password is written only where the config holds it.
    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Nothing but the config is needed on disk."""

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> DocumentReader:
        """The settings stay those of the config."""
        return self

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """Its settings, without the password."""
        data: bytes = srsly.msgpack_dumps({"dpi": self.dpi, "max_pixels": self.max_pixels})
        return data

    def from_bytes(self, data: bytes, *, exclude: Iterable[str] = ()) -> DocumentReader:
        """Take over the settings that `to_bytes` wrote."""
        self.__dict__.update(srsly.msgpack_loads(data))
        return self
