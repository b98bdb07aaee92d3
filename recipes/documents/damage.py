"""Pictures of pages as a scanner or a camera gives them; the words' boxes follow.

Only the paper's place changes where words stand: it is turned, shifted and seen at an angle. The
rest changes how they look: light, shadow, paper, blur, noise, greys, compression.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pypdfium2
import torch
from PIL import Image, ImageFilter
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as F

from recipes.documents.sheet import Sheet, Word

__all__ = ["damaged", "render"]

Corners = npt.NDArray[np.float64]
"""(4, 2): upper left, upper right, lower right, lower left, in pixels."""


def render(sheet: Sheet, dpi: float) -> Image.Image:
    """The page as a clean picture."""
    pdf = pypdfium2.PdfDocument(sheet.pdf())
    try:
        picture: Image.Image = pdf[0].render(scale=dpi / 72).to_pil()
        return picture.convert("RGB")
    finally:
        pdf.close()


def damaged(
    image: Image.Image, words: Sequence[Word], rng: np.random.Generator, strength: float = 1.0
) -> tuple[Image.Image, list[Word]]:
    """The page as it comes back from paper, in the same size, and its words with their new boxes.

    Words that the picture no longer shows are left out. `strength` 0 changes nothing, 1 is what
    offices see, more is worse.
    """
    image = image.convert("RGB")
    if strength <= 0:
        return image, list(words)
    camera = rng.random() < 0.25
    if camera or rng.random() < 0.8:
        image, words = _moved(image, words, _corners(image.size, rng, strength, camera), rng)
    softness = rng.uniform(0.0, 0.55) * strength * image.width / 827
    if rng.random() < 0.6 and softness > 0.15:
        image = image.filter(ImageFilter.GaussianBlur(softness))
    pixels = _lit(F.pil_to_tensor(image), rng, strength, camera)
    look = rng.random()
    if look < 0.3:
        pixels = F.rgb_to_grayscale(pixels, num_output_channels=3)
    elif look < 0.3 + 0.05 * strength:  # a fax
        threshold = int(rng.integers(110, 170))
        pixels = (F.rgb_to_grayscale(pixels, num_output_channels=3) > threshold).byte() * 255
    if rng.random() < 0.75:
        worst = max(12, int(55 - 25 * strength))
        return _compressed(F.to_pil_image(pixels), int(rng.integers(worst, 95))), list(words)
    return F.to_pil_image(pixels), list(words)


# -- where the paper is ----------------------------------------------------------------------------


def _corners(
    size: tuple[int, int], rng: np.random.Generator, strength: float, camera: bool
) -> Corners:
    """Where the paper's corners come to lie in the picture."""
    wide, high = size
    corners = np.array([(0, 0), (wide, 0), (wide, high), (0, high)], dtype=np.float64)
    middle = np.array([wide / 2, high / 2])
    turn = np.radians(np.clip(rng.normal(0, 0.7 * strength), -3, 3))
    spin = np.array([(np.cos(turn), np.sin(turn)), (-np.sin(turn), np.cos(turn))])
    shift = rng.normal(0, 0.006 * strength, 2) * size
    zoom = rng.normal(1.0, 0.012 * strength)
    if camera:  # some of the table shows, and the paper lies at an angle
        zoom -= rng.uniform(0.0, 0.08) * min(strength, 2)
        corners += rng.uniform(-0.025, 0.025, (4, 2)) * min(strength, 2) * size
    placed: Corners = (corners - middle) @ spin * zoom + middle + shift
    return placed


def _moved(
    image: Image.Image, words: Sequence[Word], corners: Corners, rng: np.random.Generator
) -> tuple[Image.Image, list[Word]]:
    wide, high = image.size
    start = [[0, 0], [wide, 0], [wide, high], [0, high]]
    end = corners.tolist()
    # What lies around the paper: a scanner's lid or bed, a table.
    lid = rng.random()
    grey = rng.uniform(225, 255) if lid < 0.6 else rng.uniform(0, 60) if lid < 0.8 else None
    around = [grey] * 3 if grey is not None else rng.uniform(60, 200, 3).tolist()
    picture = F.perspective(
        image, start, end, interpolation=InterpolationMode.BILINEAR, fill=around
    )
    if not words:
        return picture, []
    scale = torch.tensor([wide, high, wide, high]) / 1000
    boxes = tv_tensors.BoundingBoxes(
        torch.tensor([word.box for word in words]) * scale,
        format=tv_tensors.BoundingBoxFormat.XYXY,
        canvas_size=(high, wide),
        clamping_mode=None,
    )
    found = (F.perspective(boxes, start, end).as_subclass(Tensor) / scale).tolist()
    return picture, [
        replace(word, box=tuple(min(1000, max(0, round(side))) for side in box))
        for word, box in zip(words, found, strict=True)
        if _shown(box)
    ]


def _shown(box: Sequence[float]) -> bool:
    """Whether most of a box is inside the picture, and it keeps a size in whole numbers."""
    x0, y0, x1, y1 = (min(1000, max(0, round(side))) for side in box)
    return (
        x0 < x1
        and y0 < y1
        and (x1 - x0) * (y1 - y0) >= 0.6 * (box[2] - box[0] - 1) * (box[3] - box[1] - 1)
    )


# -- how it looks ----------------------------------------------------------------------------------


def _lit(pixels: Tensor, rng: np.random.Generator, strength: float, camera: bool) -> Tensor:
    """Paper, ink and light: uint8 (3, height, width) -> the same."""
    high, wide = pixels.shape[1:]
    paper = rng.uniform(1 - 0.14 * min(strength, 3), 1.0)
    black = rng.uniform(0, 60 * min(strength, 2)) if rng.random() < 0.5 else 0.0  # faded ink
    tint = np.array([0.0, 0.01, 0.06]) * rng.uniform(0, 1) * (rng.random() < 0.3)
    colour = torch.tensor(paper - tint, dtype=torch.float32)[:, None, None]
    out = pixels * _light(high, wide, rng, strength, camera)
    out *= (1 - black / 255) * colour
    out += black * colour
    if rng.random() < 0.7:
        out += _grain(high, wide, rng, rng.uniform(1, 9) * strength)
    return out.clamp_(0, 255).to(torch.uint8)


def _compressed(image: Image.Image, quality: int) -> Image.Image:
    data = io.BytesIO()
    image.save(data, "jpeg", quality=quality)
    with Image.open(data) as read:
        return read.convert("RGB")


def _light(high: int, wide: int, rng: np.random.Generator, strength: float, camera: bool) -> Tensor:
    """How bright each place is, around 1: (1, height, width), or (1, 1, 1) for even light."""
    sloping, fold = camera or rng.random() < 0.15, rng.random() < 0.15
    edge = not camera and rng.random() < 0.12
    if not (sloping or fold or edge):
        return torch.ones(1, 1, 1)
    coarse = np.ones((1, 1, 8, 8), dtype=np.float32)
    if sloping:  # light from one side, and shadows of what is held over the page
        down, across = np.meshgrid(np.linspace(-1, 1, 8), np.linspace(-1, 1, 8), indexing="ij")
        slope = rng.normal(0, 0.08 * min(strength, 2), 2)
        coarse[0, 0] += slope[0] * down + slope[1] * across
        coarse[0, 0] += rng.normal(0, 0.03 * min(strength, 2), (8, 8))
    light = torch.nn.functional.interpolate(
        torch.from_numpy(coarse), (high, wide), mode="bilinear", align_corners=True
    )[0]
    if fold:
        at, deep = rng.uniform(0.2, 0.8), 1 - rng.uniform(0.03, 0.15) * min(strength, 2)
        thick = max(1, round(wide * 0.002))
        row, column = int(at * high), int(at * wide)
        if rng.random() < 0.7:
            light[:, row : row + thick] *= deep
        else:
            light[:, :, column : column + thick] *= deep
    if edge:  # the shadow at a book's or a lid's edge
        reach = min(wide, max(2, int(wide * rng.uniform(0.01, 0.05))))
        shade = torch.linspace(float(1 - rng.uniform(0.1, 0.5)), 1.0, reach)
        if rng.random() < 0.5:
            light[:, :, :reach] *= shade
        else:
            light[:, :, -reach:] *= shade.flip(0)
    return light


def _grain(high: int, wide: int, rng: np.random.Generator, sigma: float) -> Tensor:
    """Noise of a sensor, from a tile: that is quicker, and nobody can tell."""
    tile = rng.standard_normal((1, 301, 307), dtype=np.float32) * sigma
    repeats = (1, -(-high // 301), -(-wide // 307))
    return torch.from_numpy(np.tile(tile, repeats)[:, :high, :wide])
