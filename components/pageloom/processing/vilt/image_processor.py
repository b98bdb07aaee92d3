"""Images to ViLT's pixels: scaled with their shape kept, normalised, padded, with a mask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pageloom.processing.encoding import BatchEncoding, tensor_kind
from pageloom.processing.images import check_resample, flat_list, resize, stack, to_rgb
from pageloom.processing.preprocessor import changed, read_processor, write_processor

__all__ = ["ViltImageProcessor"]

SETTINGS = (
    "do_resize",
    "size",
    "size_divisor",
    "resample",
    "do_rescale",
    "rescale_factor",
    "do_normalize",
    "image_mean",
    "image_std",
    "do_pad",
)
# The longer edge is limited in proportion to the shorter one, as 1333 to 800 (Kim et al. 2021,
# section 4.1: shorter edge 384, longer under 640).
LONGEST = 1333 / 800


class ViltImageProcessor:
    """Scales images to a shorter edge of 384 pixels, normalises them and pads a batch to one size.

    Args:
        do_resize: whether to scale.
        size: the shorter edge in pixels, as a number or `{"shortest_edge": 384}`. The longer edge
            is scaled alike, up to 1333 / 800 of it (639 pixels for 384).
        size_divisor: both edges are then cut down to a multiple of this; None leaves them.
        resample: Pillow's `Image.Resampling.BICUBIC`, BILINEAR, LANCZOS or NEAREST.
        do_rescale, rescale_factor: whether to multiply pixels, and with what.
        do_normalize, image_mean, image_std: whether to subtract a mean and divide by a standard
            deviation after that, and which: one number or three.
        do_pad: whether to pad with zeros at the right and at the bottom, and give `pixel_mask`.

    Pixels and masks equal those of `ViltImageProcessor` of the `transformers` library (its
    torchvision backend), but for:

    - every image has three channels, as with `do_convert_rgb=True` there (transparency on white),
      so that a batch may mix grey, palette, CMYK, transparent and colour images;
    - an image so narrow that an edge would be less than `size_divisor` gets an edge of that; there
      it is an error, as is padding without `return_tensors="pt"`;
    - without `return_tensors` the results are numpy arrays, not torch tensors.
    """

    model_input_names = ("pixel_values", "pixel_mask")

    def __init__(
        self,
        *,
        do_resize: bool = True,
        size: int | Mapping[str, int] = 384,
        size_divisor: int | None = 32,
        resample: int = Image.Resampling.BICUBIC,
        do_rescale: bool = True,
        rescale_factor: float = 1 / 255,
        do_normalize: bool = True,
        image_mean: float | Sequence[float] = (0.5, 0.5, 0.5),
        image_std: float | Sequence[float] = (0.5, 0.5, 0.5),
        do_pad: bool = True,
        **extra: Any,
    ) -> None:
        self.do_resize = do_resize
        self.size = _size(size)
        if size_divisor is not None and size_divisor < 1:
            raise ValueError(f"size_divisor is {size_divisor}; it is at least 1, or None")
        self.size_divisor = size_divisor
        self.resample = check_resample(resample)
        self.do_rescale = do_rescale
        self.rescale_factor = rescale_factor
        self.do_normalize = do_normalize
        self.image_mean = _three("image_mean", image_mean)
        self.image_std = _three("image_std", image_std)
        if 0 in self.image_std:
            raise ValueError(f"image_std is {self.image_std}; pixels cannot be divided by zero")
        self.do_pad = do_pad
        # Settings of the file that mean nothing here; written back unchanged.
        self.extra = extra

    @classmethod
    def from_pretrained(
        cls, path_or_id: str | Path, revision: str | None = None, **overrides: Any
    ) -> ViltImageProcessor:
        """Load `preprocessor_config.json` from a folder, a packaged name or a hub id.

        `overrides` replace its settings. Raises `CheckpointError`.
        """
        return read_processor(cls, path_or_id, revision, overrides, may_be_none=("size_divisor",))

    def save_pretrained(self, folder: str | Path) -> None:
        """Write `preprocessor_config.json`, which `transformers` loads too."""
        write_processor(folder, self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """The content of `preprocessor_config.json`."""
        own = {name: getattr(self, name) for name in SETTINGS}
        own |= {"size": dict(self.size), "resample": int(self.resample)}
        own |= {name: list(own[name]) for name in ("image_mean", "image_std")}
        return {**self.extra, **own, "image_processor_type": type(self).__name__}

    def __call__(
        self,
        images: Any,
        *,
        return_tensors: str | None = None,
        input_data_format: str | None = None,
        **overrides: Any,
    ) -> BatchEncoding:
        """Prepare one image or several: PIL images, numpy arrays, torch tensors, or lists of them.

        Returns `pixel_values`, float32 of shape (n, 3, height, width) in RGB order, and with
        `do_pad` `pixel_mask`, int64 of shape (n, height, width), 1 where the image is and 0 at
        padding; both as lists of arrays without `return_tensors` ("np", "pt"). `overrides` are
        settings for this call. Raises `ValueError` for what is no image.
        """
        if overrides:
            once = changed(self, SETTINGS, overrides)
            return once(images, return_tensors=return_tensors, input_data_format=input_data_format)
        kind = tensor_kind(return_tensors)
        pixels = [self._pixels(image, input_data_format) for image in flat_list(images)]
        data: dict[str, Any] = {"pixel_values": pixels}
        if self.do_pad:
            data["pixel_values"], data["pixel_mask"] = _pad(pixels)
        if kind is not None:
            data = {name: stack(arrays, kind, "do_pad") for name, arrays in data.items()}
        return BatchEncoding(data)

    def scaled_size(self, height: int, width: int) -> tuple[int, int]:
        """The height and width in pixels that an image of `height` x `width` is scaled to."""
        shorter = self.size["shortest_edge"]
        longer = int(LONGEST * shorter)
        # In the reference's order of operations: another one rounds otherwise now and then.
        rows, columns = float(shorter), float(shorter)
        if height < width:
            columns = width * (shorter / height)
        else:
            rows = height * (shorter / width)
        if max(rows, columns) > longer:
            scale = longer / max(rows, columns)
            rows, columns = rows * scale, columns * scale
        step = self.size_divisor or 1
        height, width = (max(int(side + 0.5) // step * step, step) for side in (rows, columns))
        return height, width

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={getattr(self, name)!r}" for name in SETTINGS)
        return f"ViltImageProcessor({settings})"

    def _pixels(self, image: Any, data_format: str | None) -> NDArray[Any]:
        rgb = to_rgb(image, data_format)
        if self.do_resize:
            rgb = resize(rgb, *self.scaled_size(*rgb.shape[:2]), self.resample)
        pixels = rgb.transpose(2, 0, 1)
        if not self.do_normalize:
            if not self.do_rescale:
                return np.ascontiguousarray(pixels)
            kind = pixels.dtype if pixels.dtype.kind == "f" else np.dtype(np.float32)
            return np.ascontiguousarray(pixels.astype(kind) * kind.type(self.rescale_factor))
        mean, std = (np.array(x, dtype=np.float32) for x in (self.image_mean, self.image_std))
        if self.do_rescale:
            # The reference moves the factor into mean and deviation, and so rounds once.
            factor = np.float32(1.0 / self.rescale_factor)
            mean, std = mean * factor, std * factor
        values = np.array(pixels, dtype=np.float32, order="C")
        values -= mean[:, None, None]
        values /= std[:, None, None]
        return values


def _size(size: Any) -> dict[str, int]:
    if isinstance(size, int):
        size = {"shortest_edge": size}
    edges = {key: value for key, value in size.items() if value is not None}
    if set(edges) != {"shortest_edge"} or int(edges["shortest_edge"]) < 1:
        raise ValueError(f"size is {size!r}; it is the shorter edge in pixels, from 1")
    return {"shortest_edge": int(edges["shortest_edge"])}


def _three(name: str, value: float | Sequence[float]) -> tuple[float, ...]:
    values = (value,) * 3 if isinstance(value, int | float) else tuple(value)
    if len(values) != 3:
        raise ValueError(
            f"{name} is {value!r}; it is one number, or one for each of red, green, blue"
        )
    return values


def _pad(images: list[NDArray[Any]]) -> tuple[list[NDArray[Any]], list[NDArray[np.int64]]]:
    height, width = (max(image.shape[axis] for image in images) for axis in (1, 2))
    padded, masks = [], []
    for image in images:
        rows, columns = image.shape[1:]
        mask = np.zeros((height, width), dtype=np.int64)
        mask[:rows, :columns] = 1
        masks.append(mask)
        if (rows, columns) != (height, width):
            image = np.pad(image, ((0, 0), (0, height - rows), (0, width - columns)))
        padded.append(image)
    return padded, masks
