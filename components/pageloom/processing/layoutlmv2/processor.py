"""Page images, with or without words, questions and labels, to LayoutLMv2's inputs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pageloom.processing.encoding import BatchEncoding
from pageloom.processing.files import write_json
from pageloom.processing.layoutlmv2.image_processor import LayoutLMv2ImageProcessor
from pageloom.processing.layoutlmv2.tokenizer import LayoutLMv2Tokenizer
from pageloom.processing.preprocessor import SHARED_CONFIG

__all__ = ["LayoutLMv2Processor"]


class LayoutLMv2Processor:
    """An image processor and a tokenizer in one call.

    Its five uses, each with one page or a batch; the first and fourth read the words themselves,
    and so need `image_processor.apply_ocr`, the others need it off:

        processor(image)
        processor(image, words, boxes=boxes)
        processor(image, words, boxes=boxes, word_labels=labels)
        processor(image, question)
        processor(image, question, words, boxes=boxes)

    Outputs equal those of `LayoutLMv2Processor` of the `transformers` library, with the differences
    that `LayoutLMv2ImageProcessor` and `LayoutLMv2Tokenizer` name, and these:

    - with `return_overflowing_tokens` and `return_tensors`, `image` is one array or tensor, as
      without; there it is a list of them;
    - a number of images other than the number of examples is refused; there it goes unnoticed;
    - with `apply_ocr`, words from the caller are refused; there they meet the boxes of other words.
    """

    model_input_names = ("input_ids", "bbox", "token_type_ids", "attention_mask", "image")

    def __init__(
        self, image_processor: LayoutLMv2ImageProcessor, tokenizer: LayoutLMv2Tokenizer
    ) -> None:
        self.image_processor = image_processor
        self.tokenizer = tokenizer

    @classmethod
    def from_pretrained(
        cls, path_or_id: str | Path, revision: str | None = None, **overrides: Any
    ) -> LayoutLMv2Processor:
        """Load both from a folder, a packaged name or a hub id.

        `overrides` replace settings of the image processor (such as `apply_ocr`). Raises
        `CheckpointError`.
        """
        return cls(
            LayoutLMv2ImageProcessor.from_pretrained(path_or_id, revision, **overrides),
            LayoutLMv2Tokenizer.from_pretrained(path_or_id, revision),
        )

    def save_pretrained(self, folder: str | Path) -> None:
        """Write both into `folder`; `transformers` loads them as its `LayoutLMv2Processor`."""
        folder = Path(folder)
        self.tokenizer.save_pretrained(folder)
        self.image_processor.save_pretrained(folder)
        shared = {
            "processor_class": "LayoutLMv2Processor",
            "image_processor": self.image_processor.to_dict(),
        }
        write_json(folder / SHARED_CONFIG, shared)

    def __call__(
        self,
        images: Any,
        text: str | Sequence[str] | Sequence[Sequence[str]] | None = None,
        text_pair: Sequence[str] | Sequence[Sequence[str]] | None = None,
        boxes: Any = None,
        word_labels: Any = None,
        **options: Any,
    ) -> BatchEncoding:
        """The model's inputs: those of the tokenizer (`options` are its), and `image`.

        `image` is uint8 of shape (sequences, 3, height, width) in BGR order (a list of arrays
        without `return_tensors`). With `return_overflowing_tokens` a page's image is repeated for
        each of its windows. Raises `ValueError` where arguments do not fit together.
        """
        reads = self.image_processor.apply_ocr
        self._check(reads, text, text_pair, boxes, word_labels)
        windows = bool(options.get("return_overflowing_tokens"))
        if windows and not options.get("return_offsets_mapping"):
            raise ValueError(
                "return_overflowing_tokens=True needs return_offsets_mapping=True: a window's "
                "subwords are traced to their words by it"
            )
        features = self.image_processor(images, return_tensors=options.get("return_tensors"))
        pixels = features["pixel_values"]
        if reads:
            boxes = features["boxes"]
            if text is None:
                text = features["words"]
            else:
                text = [text] if isinstance(text, str) else text
                text_pair = features["words"]
        assert text is not None  # `_check` asked for it
        words = text if text_pair is None else text_pair
        single = len(words) == 0 or isinstance(words[0], str)
        count = 1 if single else len(words)
        if reads and len(text) != len(pixels):
            raise ValueError(f"{len(pixels)} images and {len(text)} questions: give one each")
        if count != len(pixels):
            raise ValueError(
                f"{len(pixels)} images and {count} examples of words: give one image per example"
            )
        # Unlike the tokenizer's, its default never cuts: `max_length` alone changes nothing.
        options.setdefault("truncation", False)
        encoded = self.tokenizer(text, text_pair, boxes, word_labels, **options)
        if windows:
            pixels = self.get_overflowing_images(pixels, encoded["overflow_to_sample_mapping"])
        encoded["image"] = pixels
        return encoded

    def get_overflowing_images(self, images: Any, overflow_to_sample_mapping: Any) -> Any:
        """Each window's page image, in the windows' order."""
        origin = [int(index) for index in overflow_to_sample_mapping]
        return [images[index] for index in origin] if isinstance(images, list) else images[origin]

    def batch_decode(self, sequences: Any, **options: Any) -> list[str]:
        """The tokenizer's `batch_decode`."""
        return self.tokenizer.batch_decode(sequences, **options)

    def decode(self, token_ids: Any, **options: Any) -> Any:
        """The tokenizer's `decode`."""
        return self.tokenizer.decode(token_ids, **options)

    def _check(self, reads: bool, text: Any, text_pair: Any, boxes: Any, labels: Any) -> None:
        if not reads:
            if text is None or boxes is None:
                missing = "words" if text is None else "boxes"
                raise ValueError(
                    f"{missing} are missing: give words and boxes, or make the image processor "
                    "with apply_ocr=True, which reads them from the image"
                )
            return
        for name, value in (("boxes", boxes), ("word_labels", labels), ("text_pair", text_pair)):
            if value is not None:
                raise ValueError(
                    f"{name} cannot be given while the image processor has apply_ocr=True, which "
                    "reads words and boxes from the image: make it with apply_ocr=False"
                )
        if isinstance(text, str) or text is None:
            return
        if not np.all([isinstance(question, str) for question in text]):
            raise ValueError(
                "with apply_ocr=True, text holds questions, as strings: give words with "
                "apply_ocr=False"
            )
