"""Pictures: opening image files, and the pixels of a page with their cache."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pageloom.document import pdf
from pageloom.document.source import Source, is_uri, local_path, sniff
from pageloom.errors import DocumentOpenError

if TYPE_CHECKING:
    from PIL import Image

    from pageloom.document.types import Page

__all__ = ["check_whole", "damaged", "frames", "open_image", "page_image", "page_source", "to_rgb"]

CACHE_BYTES = 256 << 20
"""How many bytes of decoded pages one process keeps: about 22 A4 pages at 200 dpi."""

_ORIENTATION = 0x0112
_FORMATS = ("PNG", "JPEG", "TIFF", "WEBP", "GIF", "BMP", "JPEG2000")
_PAGED = ("TIFF",)
_END_MARKS = {"PNG": b"IEND", "JPEG": b"\xff\xd9"}


@contextmanager
def open_image(source: Source) -> Iterator[Image.Image]:
    """An image file, its pixels not yet decoded, inside the `with` block.

    Raises:
        DocumentOpenError: Pillow cannot read its header.
    """
    from PIL import Image

    Image.init()  # all plugins, once: else only the commonest formats are known by name
    source.file.seek(0)
    try:
        image = Image.open(source.file, formats=_FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise DocumentOpenError(
            f"{source.name}: {error}; if you trust the file, raise PIL.Image.MAX_IMAGE_PIXELS and "
            "give max_pixels=... to the reader",
            category="too_large",
        ) from error
    except Exception as error:  # Pillow's plugins let struct, index and value errors through
        raise damaged(source, error) from error
    with image:
        yield image


def damaged(source: Source, error: Exception) -> DocumentOpenError:
    """The error for an image that Pillow failed on: truncated where its end is missing."""
    kind = sniff(source.read(1024))
    text = str(error).lower()
    short = any(word in text for word in ("truncated", "eof", "not enough", "unpack", "broken"))
    mark = _END_MARKS.get(kind or "")
    if short or (mark is not None and mark not in source.read(1 << 16, from_end=True)):
        return DocumentOpenError(
            f"{source.name}: the {kind} image is truncated, its end is missing; fetch or copy it "
            "again",
            category="truncated",
        )
    return DocumentOpenError(
        f"{source.name}: the {kind} image is damaged ({error}); save it again in an image program",
        category="unreadable",
    )


def check_whole(source: Source, kind: str) -> None:
    """Find a truncated file at opening, at no cost for the files that are whole.

    Raises:
        DocumentOpenError: the file's end is missing, and so are pixels.
    """
    if kind == "WebP":
        size = int.from_bytes(source.read(8)[4:], "little") + 8
        if source.file.seek(0, os.SEEK_END) >= size:
            return
    elif kind not in _END_MARKS or _END_MARKS[kind] in source.read(1 << 16, from_end=True):
        return
    # Some writers leave the end mark out: decoding decides.
    with open_image(source) as image:
        try:
            image.load()
        except Exception as error:
            raise damaged(source, error) from error


def frames(image: Image.Image) -> list[tuple[int, int, int]]:
    """(width, height, dpi) of each page of an open image, orientation applied; dpi 0 if unknown.

    Only TIFF has pages: a second picture in a GIF is animation, in a JPEG a preview.
    """
    sizes = []
    for index in range(getattr(image, "n_frames", 1) if image.format in _PAGED else 1):
        image.seek(index)
        width, height = image.size
        if image.format != "TIFF" and image.getexif().get(_ORIENTATION) in (5, 6, 7, 8):
            width, height = height, width  # of a TIFF, Pillow gives the turned size already
        sizes.append((width, height, _dpi(image)))
    return sizes


def _dpi(image: Image.Image) -> int:
    try:
        value = round(float(image.info["dpi"][0]))
    except (KeyError, TypeError, ValueError, IndexError, ZeroDivisionError, OverflowError):
        return 0
    return value if 70 <= value <= 2400 else 0  # the limits Tesseract believes


def to_rgb(image: Image.Image) -> Image.Image:
    """An RGB copy: orientation applied, transparent parts on white, 16 bits scaled to 8."""
    from PIL import Image, ImageOps

    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        import numpy as np

        values = np.asarray(image, dtype=np.float32)
        top = 65535.0 if float(values.max(initial=0)) > 255 else 255.0
        image = Image.fromarray((values.clip(0, top) * (255 / top)).astype(np.uint8))
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    picture = image.convert("RGB")
    picture.info.clear()
    picture.format = None
    return picture


class _Cache:
    """Decoded pages, the least recently used dropped first."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self._lock = threading.Lock()
        self._images: OrderedDict[tuple[str, int, int, int], Image.Image] = OrderedDict()
        self.bytes = 0

    def get(self, key: tuple[str, int, int, int]) -> Image.Image | None:
        with self._lock:
            image = self._images.get(key)
            if image is not None:
                self._images.move_to_end(key)
            return image

    def put(self, key: tuple[str, int, int, int], image: Image.Image) -> None:
        size = 3 * image.width * image.height
        with self._lock:
            if key in self._images or size > CACHE_BYTES:
                return
            self._images[key] = image
            self.bytes += size
            while self.bytes > CACHE_BYTES:
                _, old = self._images.popitem(last=False)
                self.bytes -= 3 * old.width * old.height


CACHE = _Cache()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=CACHE.clear)

_VERIFIED: dict[tuple[str, str], tuple[int, int]] = {}


def page_image(page: Page) -> Image.Image:
    """The pixels of a page, from the cache or decoded; what `Page.image` gives."""
    key = (page.sha256, page.number, page.width, page.height)
    image = CACHE.get(key)
    if image is None:
        image = _decode(page)
        CACHE.put(key, image)
    return image


def _decode(page: Page) -> Image.Image:
    content = page.content
    if content is not None and not isinstance(content.data, bytes):
        return to_rgb(content.data)
    with page_source(page) as source:
        try:
            if sniff(source.read(1024)) == "PDF":
                with pdf.open_page(source, page.sha256, page.number) as opened:
                    image = pdf.render(opened, page.dpi)
            else:
                single = content is not None and content.page is not None
                with open_image(source) as opened_image:
                    if opened_image.format in _PAGED and not single:
                        opened_image.seek(page.number - 1)
                    image = to_rgb(opened_image)
        except DocumentOpenError:
            raise
        except MemoryError as error:
            raise DocumentOpenError(
                f"{page.source}, page {page.number}: {page.width} x {page.height} pixels do not "
                "fit in memory; read the document at a lower dpi",
                category="too_large",
            ) from error
        except Exception as error:
            raise damaged(source, error) from error
    if image.size != (page.width, page.height):
        raise DocumentOpenError(
            f"{page.source}, page {page.number}: is {image.width} x {image.height} pixels, and was "
            f"{page.width} x {page.height}; open the document again",
            category="unreadable",
        )
    return image


@contextmanager
def page_source(page: Page) -> Iterator[Source]:
    """The open bytes behind a page, checked to be those that the reader saw.

    Raises:
        DocumentOpenError: they are gone or have changed.
    """
    content = page.content
    if content is not None:
        with Source(page.source, content.encoded()) as source:
            yield source
        return
    if page.source.startswith(("bytes:", "image:")):
        raise DocumentOpenError(
            f"{page.source}: this document was read from memory and its bytes are no longer with "
            "the Doc; keep the Doc's user_data (store_user_data=True for a DocBin)",
            category="missing",
        )
    try:
        with _verified(page, fresh=False) as source:
            yield source
    except _Changed:
        if not is_uri(page.source):
            raise _changed(page) from None
        try:
            with _verified(page, fresh=True) as source:
                yield source
        except _Changed:
            raise _changed(page) from None


class _Changed(Exception):  # noqa: N818
    pass


@contextmanager
def _verified(page: Page, *, fresh: bool) -> Iterator[Source]:
    with Source(page.source, local_path(page.source, fresh=fresh)) as source:
        # Hashing a large file for each of its pages would cost more than decoding them.
        signature, key = source.signature(), (page.source, page.sha256)
        if signature is None or _VERIFIED.get(key) != signature:
            if source.sha256() != page.sha256:
                raise _Changed
            verify(page.source, page.sha256, signature)
        yield source


def verify(name: str, sha256: str, signature: tuple[int, int] | None) -> None:
    """Note that a source with this size and time has this content."""
    if signature is not None:
        if len(_VERIFIED) > 10_000:
            _VERIFIED.clear()
        _VERIFIED[name, sha256] = signature


def _changed(page: Page) -> DocumentOpenError:
    return DocumentOpenError(
        f"{page.source}: has changed since the document was read; open it again, or use "
        "embed_images(doc) before the file may change",
        category="unreadable",
    )
