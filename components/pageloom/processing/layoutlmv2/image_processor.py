"""Page images to LayoutLMv2's pixels, with words and boxes from OCR where asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pageloom.processing.encoding import BatchEncoding, tensor_kind
from pageloom.processing.images import check_resample, flat_list, resize, stack, to_pil, to_rgb
from pageloom.processing.preprocessor import changed, read_processor, write_processor
from pageloom.processing.tesseract import read_all

__all__ = ["LayoutLMv2ImageProcessor"]

SETTINGS = ("do_resize", "size", "resample", "apply_ocr", "ocr_lang", "tesseract_config")


class LayoutLMv2ImageProcessor:
    """Resizes page images to 224 x 224, turns RGB to BGR, and may read their words with Tesseract.

    Args:
        do_resize: whether to resize. The model takes any one size; the published ones know 224.
        size: `{"height": 224, "width": 224}`, one number for both, or (height, width).
        resample: Pillow's `Image.Resampling.BILINEAR`, BICUBIC, LANCZOS or NEAREST.
        apply_ocr: whether to read words and boxes.
        ocr_lang: Tesseract's language codes, joined by "+"; None is English.
        tesseract_config: further command-line settings for Tesseract, such as "--psm 6".

    Pixels, words and boxes equal those of `LayoutLMv2ImageProcessor` of the `transformers` library
    (its torchvision backend), but for:

    - the result always has three channels. There a grey image has one and a transparent one four,
      which the model cannot take, and palette, bilevel and CMYK images are misread; here they are
      converted as `do_convert_rgb=True` does there, transparency on white;
    - without `return_tensors` the images are numpy arrays, not torch tensors;
    - scaling by aspect ratio (`shortest_edge` and its like), which no LayoutLMv2 uses, is refused.
    """

    model_input_names = ("pixel_values",)

    def __init__(
        self,
        *,
        do_resize: bool = True,
        size: int | Sequence[int] | Mapping[str, int] = 224,
        resample: int = Image.Resampling.BILINEAR,
        apply_ocr: bool = True,
        ocr_lang: str | None = None,
        tesseract_config: str | None = "",
        **extra: Any,
    ) -> None:
        self.do_resize = do_resize
        self.size = _size(size)
        self.resample = check_resample(resample)
        self.apply_ocr = apply_ocr
        self.ocr_lang = ocr_lang
        self.tesseract_config = tesseract_config
        # Settings of the file that mean nothing here; written back unchanged.
        self.extra = extra

    @classmethod
    def from_pretrained(
        cls, path_or_id: str | Path, revision: str | None = None, **overrides: Any
    ) -> LayoutLMv2ImageProcessor:
        """Load `preprocessor_config.json` from a folder, a packaged name or a hub id.

        `overrides` replace its settings. Raises `CheckpointError`.
        """
        return read_processor(cls, path_or_id, revision, overrides, may_be_none=("ocr_lang",))

    def save_pretrained(self, folder: str | Path) -> None:
        """Write `preprocessor_config.json`, which `transformers` loads too."""
        write_processor(folder, self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """The content of `preprocessor_config.json`."""
        own = {name: getattr(self, name) for name in SETTINGS}
        own |= {"size": dict(self.size), "resample": int(self.resample)}
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

        Returns `pixel_values`, uint8 of shape (3, height, width) in BGR order: a list of arrays, or
        with `return_tensors` ("np", "pt") one of shape (n, 3, height, width). With `apply_ocr` also
        `words` (n lists of str) and `boxes` (n lists of `[x0, y0, x1, y1]` on 0-1000). Pages are
        read side by side, one Tesseract thread each. `overrides` are settings for this call.
        Raises `ValueError` for what is no image, `EngineError` where Tesseract or a language fails.
        """
        if overrides:
            once = changed(self, SETTINGS, overrides)
            return once(images, return_tensors=return_tensors, input_data_format=input_data_format)
        kind = tensor_kind(return_tensors)
        pages = flat_list(images)
        data: dict[str, Any] = {
            "pixel_values": [self._pixels(page, input_data_format) for page in pages]
        }
        if kind is not None:
            data["pixel_values"] = stack(data["pixel_values"], kind, "do_resize")
        if self.apply_ocr:
            readable = [to_pil(page, input_data_format) for page in pages]
            read = read_all(readable, self.ocr_lang, self.tesseract_config)
            data["words"] = [words for words, _ in read]
            data["boxes"] = [boxes for _, boxes in read]
        return BatchEncoding(data)

    def pixels(self, image: Image.Image) -> NDArray[np.uint8]:
        """One page's pixels, uint8 of shape (3, height, width) in BGR order; never any OCR."""
        return self._pixels(image, None)

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={getattr(self, name)!r}" for name in SETTINGS)
        return f"LayoutLMv2ImageProcessor({settings})"

    def _pixels(self, image: Any, data_format: str | None) -> NDArray[Any]:
        rgb = to_rgb(image, data_format)
        if self.do_resize:
            rgb = resize(rgb, self.size["height"], self.size["width"], self.resample)
        return np.ascontiguousarray(rgb[..., ::-1].transpose(2, 0, 1))


def _size(size: Any) -> dict[str, int]:
    if isinstance(size, int):
        size = {"height": size, "width": size}
    elif isinstance(size, Mapping):
        size = {key: value for key, value in size.items() if value is not None}
    elif isinstance(size, Sequence) and not isinstance(size, str) and len(size) == 2:
        size = {"height": size[0], "width": size[1]}
    if not isinstance(size, dict) or set(size) != {"height", "width"}:
        raise ValueError(f"size is {size!r}; it is one number, or has a height and a width")
    checked = {key: int(value) for key, value in size.items()}
    if min(checked.values()) < 1:
        raise ValueError(f"size is {checked}; height and width are at least 1 pixel")
    return checked
