"""Documents that the tests make: real files, written by reportlab and Pillow."""

from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path

import pypdfium2
import pytest
from PIL import Image, ImageDraw, ImageFont
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen import canvas


@pytest.fixture(scope="session")
def draw_page() -> Callable[..., Image.Image]:
    """A white picture with lines of black text, large enough for OCR."""

    def draw(*lines: str, size: tuple[int, int] = (900, 400), mode: str = "RGB") -> Image.Image:
        image = Image.new("RGB", size, "white")
        pen, font = ImageDraw.Draw(image), ImageFont.load_default(36)
        for row, line in enumerate(lines):
            pen.text((40, 40 + 70 * row), line, fill="black", font=font)
        return image.convert(mode)

    return draw


@pytest.fixture(scope="session")
def make_pdf() -> Callable[..., bytes]:
    """The bytes of a PDF; a page is a list of lines, or a picture that fills it (a scan)."""

    def make(
        *pages: Sequence[str] | Image.Image,
        password: str | None = None,
        rotate: int = 0,
        size: tuple[float, float] = A4,
    ) -> bytes:
        target = BytesIO()
        paper = canvas.Canvas(target, pagesize=size, encrypt=password)
        for page in pages:
            if isinstance(page, Image.Image):
                picture = canvas.ImageReader(page)
                paper.drawImage(picture, 0, 0, width=size[0], height=size[1])
            else:
                paper.setFont("Helvetica", 12)
                for row, line in enumerate(page):
                    paper.drawString(72, size[1] - 72 - 20 * row, line)
            paper.showPage()
        paper.save()
        return rotated(target.getvalue(), rotate) if rotate else target.getvalue()

    def rotated(data: bytes, angle: int) -> bytes:
        document, target = pypdfium2.PdfDocument(data), BytesIO()
        for page in document:
            page.set_rotation(angle)
            page.close()
        document.save(target)
        document.close()
        return target.getvalue()

    return make


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, bytes], Path]:
    """Write a file into the test's own folder."""

    def put(name: str, data: bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return put


@pytest.fixture(scope="session")
def encode() -> Callable[..., bytes]:
    """A picture as the bytes of an image file."""

    def to_bytes(image: Image.Image, kind: str, **options: object) -> bytes:
        target = BytesIO()
        image.save(target, kind, **options)
        return target.getvalue()

    return to_bytes
