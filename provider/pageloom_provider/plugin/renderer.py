"""A program that makes pictures of pages, in a process of its own.

Documents come from anywhere, and the libraries that decode them are written in C: a document that
brings this process down, or keeps it busy for ever, costs the API server one picture. It imports
nothing of this package and is run as a file, so that it starts fast.

It reads requests and writes answers: a line of JSON, `{"page", "width", "box", "length"}` and
`{"length", "error"}`, and after it as many bytes.
"""

from __future__ import annotations

import io
import json
import math
import select
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from PIL import Image

IDLE_SECONDS = 300
MEMORY = 3 << 30
MAX_PIXELS = 100_000_000
# Of a picture's width: a till roll is shown shrunk, not cut.
MAX_ASPECT = 6
# Of the page's width: how much is shown around a box. Airflow's form shows pictures 300 pixels
# wide, and print is to be read there.
ACROSS, DOWN = 0.36, 0.16
FRAME = "#d6336c"
FORMATS = ("PNG", "JPEG", "TIFF", "WEBP", "GIF", "BMP", "JPEG2000")


def picture(data: bytes, page: int, width: int, box: list[int] | None = None) -> bytes:
    """A WebP picture of a page (from 1), `width` pixels wide or less.

    With `box` (x0, y0, x1, y1, on 0-1000 of the page), of the part around it, and it is framed.

    Raises:
        ValueError: The document has no such page, or is too large.
    """
    image = (_pdf_page if b"%PDF-" in data[:1024] else _image_page)(data, page, width)
    image.thumbnail((width, width * MAX_ASPECT))
    if box is not None:
        image = _framed(image, box)
    out = io.BytesIO()
    image.save(out, "WEBP", quality=80, method=2)
    return out.getvalue()


def _framed(image: Image.Image, box: list[int]) -> Image.Image:
    from PIL import ImageDraw

    left, top, right, bottom = (
        round(edge * size / 1000) for edge, size in zip(box, image.size * 2, strict=True)
    )
    line = max(2, image.width // 300)
    frame = (left - 2 * line, top - 2 * line, right + 2 * line, bottom + 2 * line)
    ImageDraw.Draw(image).rectangle(frame, outline=FRAME, width=line)
    start, end = _around(left, right, ACROSS * image.width, image.width)
    above, below = _around(top, bottom, DOWN * image.width, image.height)
    return image.crop((start, above, end, below))


def _around(first: int, last: int, least: float, size: int) -> tuple[int, int]:
    """Some more than `first` to `last`, at least `least`, of 0 to `size`."""
    half = max(0.5, max(last - first, least) / 2 + 0.1 * least)
    # At the page's edge, further into the page instead.
    middle = min(max((first + last) / 2, half), max(half, size - half))
    return max(0, math.floor(middle - half)), min(size, math.ceil(middle + half))


def _pdf_page(data: bytes, page: int, width: int) -> Image.Image:
    import pypdfium2 as pdfium

    document = pdfium.PdfDocument(data)
    document.init_forms()  # else filled form fields are missing
    if not 1 <= page <= len(document):
        raise ValueError("the document has no such page")
    sheet = document[page - 1]
    across, down = sheet.get_size()
    scale = min(width / across, width * MAX_ASPECT / down)
    image: Image.Image = sheet.render(scale=scale, rev_byteorder=True).to_pil()
    return image.convert("RGB")


def _image_page(data: bytes, page: int, width: int) -> Image.Image:
    from PIL import Image, ImageOps

    image: Image.Image = Image.open(io.BytesIO(data), formats=FORMATS)
    if image.width * image.height > MAX_PIXELS:
        raise ValueError(f"the page has more than {MAX_PIXELS} pixels")
    if page > 1:
        try:
            image.seek(page - 1)
        except EOFError:
            raise ValueError("the document has no such page") from None
        if image.width * image.height > MAX_PIXELS:
            raise ValueError(f"the page has more than {MAX_PIXELS} pixels")
    if image.format == "JPEG":
        image.draft("RGB", (width, width))
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I") or image.mode == "F":  # 16 bits, or more, of grey
        _, high = image.getextrema()
        scale = 255 / 65535 if isinstance(high, float | int) and high > 255 else 1.0
        image = image.convert("F").point(lambda value: value * scale).convert("L")
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")


def _answer(request: dict[str, Any], data: bytes) -> tuple[bytes, str | None]:
    try:
        return picture(data, request["page"], request["width"], request["box"]), None
    except MemoryError:
        return b"", "it needs too much memory"
    except Exception as error:  # whatever a library makes of a document is told, not fatal
        return b"", " ".join(str(error).split())[:200] or type(error).__name__


def main(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer requests until there are none for a while, or whoever asks has gone."""
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    while select.select([requests], [], [], IDLE_SECONDS)[0]:
        line = requests.readline()
        if not line:
            return
        request = json.loads(line)
        content, error = _answer(request, _exactly(requests, request["length"]))
        head = {"length": len(content), "error": error}
        answers.write(json.dumps(head).encode() + b"\n" + content)
        answers.flush()


def _exactly(stream: BinaryIO, length: int) -> bytes:
    parts = []
    while length:
        part = stream.read(length)
        if not part:
            raise EOFError
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


if __name__ == "__main__":
    import os

    # Nothing that a library prints may come between the answers.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    main(os.fdopen(0, "rb", buffering=0), out)
