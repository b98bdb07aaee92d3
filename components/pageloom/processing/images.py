"""Images of any kind to RGB pixels, and the resizing that models were trained with."""

from __future__ import annotations

import platform
import sys
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["RESAMPLES", "check_resample", "flat_list", "resize", "stack", "to_pil", "to_rgb"]

CHANNELS = (1, 3, 4)
# Pillow's filters that torch resizes with, and its names for them.
RESAMPLES: dict[int, str] = {
    Image.Resampling.NEAREST: "nearest-exact",
    Image.Resampling.BILINEAR: "bilinear",
    Image.Resampling.BICUBIC: "bicubic",
    Image.Resampling.LANCZOS: "lanczos",
}


def flat_list(images: Any) -> list[Any]:
    """One image, a list of images or an array of several, as a list of images.

    An image is a PIL image, or a numpy array or torch tensor of shape (H, W), (H, W, C) or
    (C, H, W). Raises `ValueError` naming the index of what is not one.
    """
    if isinstance(images, Image.Image):
        return [images]
    if _is_array(images):
        return list(images) if images.ndim == 4 else [images]
    if not isinstance(images, Sequence) or isinstance(images, str | bytes):
        raise ValueError(
            f"images is a {type(images).__name__}; give a PIL image, an array or a list of them, "
            "or open a file with pageloom.open_document"
        )
    flat: list[Any] = []
    for index, image in enumerate(images):
        if isinstance(image, Image.Image) or (_is_array(image) and image.ndim in (2, 3)):
            flat.append(image)
        elif isinstance(image, list | tuple) or (_is_array(image) and image.ndim == 4):
            flat += flat_list(image)
        else:
            raise ValueError(f"image {index} is a {type(image).__name__}, not an image")
    if not flat:
        raise ValueError("there are no images: give at least one")
    return flat


def to_rgb(image: Any, data_format: str | None = None) -> NDArray[Any]:
    """The pixels of an image, of shape (H, W, 3) in RGB order.

    PIL images of any mode and uint8 arrays give uint8; other arrays keep their type and range.
    Grey becomes three equal channels, transparency lies on white, 16-bit grey is scaled to 8 bits.
    The result may be read-only. Raises `ValueError` for what is no image.
    """
    if isinstance(image, Image.Image):
        if 0 in image.size:
            raise ValueError(f"the image has no pixels: it is {image.width} x {image.height}")
        return np.asarray(_rgb(image))
    pixels = _channels_last(image, data_format)
    if pixels.shape[2] == 1:
        return np.repeat(pixels, 3, axis=2)
    if pixels.shape[2] == 4:
        if pixels.dtype == np.uint8:
            return np.asarray(_rgb(Image.fromarray(np.ascontiguousarray(pixels))))
        white = 255 if pixels.dtype.kind in "iu" else 1.0
        alpha = pixels[..., 3:] / white
        blended = alpha * pixels[..., :3] + (1 - alpha) * white
        if pixels.dtype.kind in "iu":
            blended = np.round(blended)
        return cast(NDArray[Any], blended.astype(pixels.dtype))
    return pixels


def to_pil(image: Any, data_format: str | None = None) -> Image.Image:
    """The image as OCR reads it: 8-bit grey stays grey, all else is RGB.

    An array of floats from 0 to 1 is scaled to 0-255. Raises `ValueError` for values outside 0-255.
    """
    if isinstance(image, Image.Image):
        if image.mode in ("L", "RGB") and "transparency" not in image.info:
            return image
        image = _plain_alpha(image)
        if image.mode in ("RGBA", "LA"):
            # Pasted, not blended: it rounds as the reference does, and OCR sees every step.
            white = Image.new("RGB", image.size, (255, 255, 255))
            white.paste(image, (0, 0), image.getchannel("A"))
            return white
        grey = _grey(image)
        return _rgb(image) if grey is None else grey
    pixels = _channels_last(image, data_format)
    if pixels.dtype != np.uint8:
        low, high = float(pixels.min()), float(pixels.max())
        whole = bool(np.allclose(pixels, pixels.astype(np.int64)))
        if low < 0 or high > (255 if whole else 1):
            raise ValueError(
                f"the image's values go from {low:g} to {high:g}; OCR takes whole numbers from 0 "
                "to 255, or fractions from 0 to 1"
            )
        pixels = (pixels if whole else pixels * 255).astype(np.uint8)
    if pixels.shape[2] == 1:
        return Image.fromarray(np.ascontiguousarray(pixels[..., 0]))
    return to_pil(Image.fromarray(np.ascontiguousarray(pixels)))


def resize(pixels: NDArray[Any], height: int, width: int, resample: int) -> NDArray[Any]:
    """Resize (H, W, C) pixels to (height, width, C), antialiased; `resample` is in `RESAMPLES`.

    Published checkpoints are fed by torchvision's resizing, whose 8-bit arithmetic differs from
    Pillow's by one level at many pixels. That arithmetic is torch's, which this calls: torchvision
    itself would take seconds to import.
    """
    if pixels.shape[:2] == (height, width):
        return pixels
    import torch
    from torch.nn.functional import interpolate
    from torch.utils.dlpack import from_dlpack

    # torch reads no array backwards.
    pixels = np.ascontiguousarray(pixels) if min(pixels.strides) < 0 else pixels
    try:
        tensor = from_dlpack(pixels)  # a view, also of Pillow's read-only memory
    except (BufferError, RuntimeError, TypeError):
        tensor = torch.from_numpy(pixels.copy())
    dtype, mode = tensor.dtype, RESAMPLES[resample]
    # Channels stay last in memory: that is five times faster here, and gives the same numbers.
    tensor = tensor.unsqueeze(0).permute(0, 3, 1, 2)
    exact = mode == "nearest-exact"
    with torch.inference_mode():
        if not (dtype in (torch.float32, torch.float64) or (dtype == torch.uint8 and _bytes(mode))):
            tensor = tensor.float()
        out = interpolate(
            tensor,
            (height, width),
            mode=mode,
            align_corners=None if exact else False,
            antialias=not exact,
        )
        if not dtype.is_floating_point and out.is_floating_point():
            if dtype == torch.uint8:
                out = out.clamp_(0, 255)  # bicubic goes beyond
            out = out.round_()
    return out.to(dtype)[0].permute(1, 2, 0).numpy()


def _bytes(mode: str) -> bool:
    """Whether torch resizes bytes in this mode as torchvision has it do on this processor."""
    import torch

    vectors = torch.backends.cpu.get_cpu_capability() in ("AVX2", "AVX512")
    return mode != "bilinear" or vectors or platform.machine() in ("aarch64", "arm64")


def check_resample(resample: int) -> Image.Resampling:
    """The filter behind a `resample` setting. Raises `ValueError` if it is not in `RESAMPLES`."""
    if resample not in RESAMPLES:
        known = ", ".join(f"{int(r)} ({Image.Resampling(r).name})" for r in RESAMPLES)
        raise ValueError(f"resample is {resample!r}; choose one of {known}")
    return Image.Resampling(resample)


def stack(arrays: list[NDArray[Any]], kind: str, setting: str) -> Any:
    """Arrays of one shape as one array ("np") or tensor ("pt"), with a new first axis.

    Raises `ValueError` where shapes differ; `setting` is what would make them equal.
    """
    shapes = {array.shape for array in arrays}
    if len(shapes) > 1:
        raise ValueError(
            f"the images have different shapes ({', '.join(map(str, sorted(shapes)))}), so they "
            f"make no tensor: set {setting}=True, or return_tensors=None"
        )
    stacked = np.stack(arrays)
    if kind == "np":
        return stacked
    import torch

    return torch.from_numpy(stacked)


def _is_array(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return True
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def _channels_last(image: Any, data_format: str | None) -> NDArray[Any]:
    if not _is_array(image):
        raise ValueError(f"a {type(image).__name__} is no image: give a PIL image or an array")
    pixels = image if isinstance(image, np.ndarray) else image.detach().cpu().numpy()
    shape = tuple(pixels.shape)
    if 0 in shape:
        raise ValueError(f"the image has no pixels: its shape is {shape}")
    if pixels.ndim == 2:
        return cast(NDArray[Any], pixels[..., None])
    data_format = getattr(data_format, "value", data_format)
    if data_format is None and pixels.ndim == 3:
        # An array that may be read both ways is read as (C, H, W), as the reference does.
        if shape[0] in CHANNELS:
            data_format = "channels_first"
        elif shape[2] in CHANNELS:
            data_format = "channels_last"
    if pixels.ndim != 3 or data_format not in ("channels_first", "channels_last"):
        raise ValueError(
            f"an array of shape {shape} is no image: it is (H, W), (H, W, C) or (C, H, W), with 1, "
            "3 or 4 channels; input_data_format='channels_first' or 'channels_last' settles doubts"
        )
    return np.moveaxis(pixels, 0, -1) if data_format == "channels_first" else pixels


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    image = _plain_alpha(image)
    if "A" in image.getbands() or "transparency" in image.info:
        layer = image.convert("RGBA")
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, layer).convert("RGB")
    return (_grey(image) or image).convert("RGB")


def _plain_alpha(image: Image.Image) -> Image.Image:
    """The image with its colours not yet multiplied by their opacity."""
    plain = {"La": "LA", "RGBa": "RGBA"}.get(image.mode)
    return image if plain is None else image.convert(plain)


def _grey(image: Image.Image) -> Image.Image | None:
    """A bilevel or deep grey image in 8 bits; None for every other mode."""
    if image.mode == "1":
        return image.convert("L")
    if image.mode not in ("I", "F") and not image.mode.startswith("I;16"):
        return None
    values = np.asarray(image)
    # 16-bit files come in mode I too; Pillow itself would cut their values off at 255.
    if image.mode.startswith("I;16") or values.max() > 255:
        values = values / 256
    return Image.fromarray(np.clip(values, 0, 255).astype(np.uint8))
