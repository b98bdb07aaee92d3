"""Turns vector pages into what a scanner, a fax or a telephone makes of them."""

from __future__ import annotations

import numpy as np
import pypdfium2
from PIL import Image, ImageDraw, ImageFilter

__all__ = ["faxed", "photographed", "rendered", "scanned", "thermal"]


def rendered(document: bytes, dpi: int) -> list[Image.Image]:
    """The pages of a PDF as grey pictures."""
    pdf = pypdfium2.PdfDocument(document)
    try:
        return [page.render(scale=dpi / 72, grayscale=True).to_pil().convert("L") for page in pdf]
    finally:
        pdf.close()


def scanned(page: Image.Image, rng: np.random.Generator, *, tilt: float = 0.5) -> Image.Image:
    """As an office scanner gives it: a little tilted, soft, speckled, never quite white."""
    page = page.rotate(tilt, Image.Resampling.BICUBIC, fillcolor=255)
    page = page.filter(ImageFilter.GaussianBlur(0.5))
    grey = np.asarray(page, dtype=np.float32)
    grey = 18 + grey * (232 / 255) + rng.normal(0, 2.2, grey.shape)
    specks = rng.random(grey.shape) < 0.00004
    grey[specks] = 90
    return Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8))


def faxed(page: Image.Image, rng: np.random.Generator) -> Image.Image:
    """As a fax machine gives it: black or white, with ragged edges and stray dots."""
    grey = np.asarray(page.filter(ImageFilter.GaussianBlur(0.6)), dtype=np.float32)
    grey = grey + rng.normal(0, 14, grey.shape)
    black = (grey < 150) | (rng.random(grey.shape) < 0.00008)
    return Image.fromarray((~black).astype(np.uint8) * 255).convert("1")


def thermal(receipt: Image.Image, rng: np.random.Generator, *, fade: float = 0.3) -> Image.Image:
    """A scanned till receipt: the print head's stripes, faded ink, a soft grey paper."""
    receipt = receipt.filter(ImageFilter.GaussianBlur(0.6))
    ink = 255 - np.asarray(receipt, dtype=np.float32)
    height, width = ink.shape
    stripes = 1 - fade * _smooth(rng, width, 40)[None, :] * _smooth(rng, height, 120)[:, None]
    paper = 243 - 9 * _smooth(rng, height, 300)[:, None] + rng.normal(0, 2.5, ink.shape)
    return Image.fromarray(np.clip(paper - ink * stripes * 0.82, 0, 255).astype(np.uint8))


def photographed(receipt: Image.Image, rng: np.random.Generator) -> Image.Image:
    """A receipt on a wooden table, photographed askew by hand under one lamp."""
    margin_x, margin_y = receipt.width // 5, receipt.height // 12
    size = (receipt.width + 2 * margin_x, receipt.height + 2 * margin_y)
    table = _wood(size, rng)
    # A perspective: the paper's corners in the picture, the far edge a little shorter.
    corners = [
        (margin_x * 1.35, margin_y * 0.7),
        (size[0] - margin_x * 1.1, margin_y * 0.95),
        (size[0] - margin_x * 0.7, size[1] - margin_y * 0.6),
        (margin_x * 0.75, size[1] - margin_y * 0.9),
    ]
    coefficients = _perspective(corners, receipt.size)
    paper = receipt.convert("RGB")
    paper = Image.blend(paper, Image.new("RGB", paper.size, (247, 240, 226)), 0.12)
    warped = paper.transform(
        size, Image.Transform.PERSPECTIVE, coefficients, Image.Resampling.BICUBIC
    )
    inside = Image.new("L", size, 0)
    ImageDraw.Draw(inside).polygon(corners, fill=255)
    below = inside.filter(ImageFilter.GaussianBlur(14)).point(lambda v: int(v * 0.55))
    table.paste(Image.new("RGB", size, (20, 14, 10)), (10, 14), below)
    table.paste(warped, (0, 0), inside.filter(ImageFilter.GaussianBlur(0.8)))
    light = np.asarray(table, dtype=np.float32) * _lamp(size)[:, :, None]
    light += rng.normal(0, 4.5, light.shape[:2])[:, :, None]
    photo = Image.fromarray(np.clip(light, 0, 255).astype(np.uint8))
    return photo.filter(ImageFilter.GaussianBlur(0.7))


def _smooth(rng: np.random.Generator, length: int, period: int) -> np.ndarray:
    """Slow random waves between 0 and 1."""
    knots = rng.random(length // period + 3)
    return np.interp(np.arange(length) / period, np.arange(len(knots)), knots).astype(np.float32)


def _wood(size: tuple[int, int], rng: np.random.Generator) -> Image.Image:
    width, height = size
    x = np.arange(width)[None, :] + 14 * np.sin(np.arange(height)[:, None] / 170)
    grain = 0.5 + 0.5 * np.sin(x / 9 + 5 * _smooth(rng, width, 60)[None, :])
    grain = grain * 0.5 + rng.random((height, width)) * 0.12
    colour = np.array([121, 84, 55])[None, None, :] * (0.75 + 0.4 * grain[:, :, None])
    return Image.fromarray(np.clip(colour, 0, 255).astype(np.uint8))


def _lamp(size: tuple[int, int]) -> np.ndarray:
    """Bright at the upper left, and the shadow of the photographer's hand at the lower right."""
    width, height = size
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    far = np.hypot((x - width * 0.3) / width, (y - height * 0.25) / height)
    light = 1.04 - 0.38 * far
    edge = (x / width) * 0.9 + (y / height) * 0.7 - 1.16
    return light * (1 - 0.26 / (1 + np.exp(-edge * 26)))


def _perspective(corners: list[tuple[float, float]], size: tuple[int, int]) -> tuple[float, ...]:
    """Pillow's eight coefficients, which lead from the picture's corners back to the paper's."""
    width, height = size
    rows, values = [], []
    for (x, y), (u, v) in zip(
        corners, [(0, 0), (width, 0), (width, height), (0, height)], strict=True
    ):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    return tuple(float(c) for c in np.linalg.solve(np.array(rows), np.array(values)))
