"""Images and texts to ViLT's inputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pageloom.processing.encoding import BatchEncoding
from pageloom.processing.files import write_json
from pageloom.processing.preprocessor import SHARED_CONFIG
from pageloom.processing.vilt.image_processor import SETTINGS, ViltImageProcessor
from pageloom.processing.vilt.tokenizer import BertTokenizer

__all__ = ["ViltProcessor"]


class ViltProcessor:
    """An image processor and a tokenizer in one call.

        processor(image, "how many pages?", return_tensors="pt")
        processor(images, questions, padding=True, truncation=True, return_tensors="pt")
        processor([left, right], "both are invoices", return_tensors="pt")  # NLVR2: then
        # pixel_values.unsqueeze(0), since both images belong to one example

    Outputs equal those of `ViltProcessor` of the `transformers` library, with the differences that
    `ViltImageProcessor` and `BertTokenizer` name.
    """

    model_input_names = (
        "input_ids",
        "token_type_ids",
        "attention_mask",
        "pixel_values",
        "pixel_mask",
    )

    def __init__(self, image_processor: ViltImageProcessor, tokenizer: BertTokenizer) -> None:
        self.image_processor = image_processor
        self.tokenizer = tokenizer

    @classmethod
    def from_pretrained(
        cls, path_or_id: str | Path, revision: str | None = None, **overrides: Any
    ) -> ViltProcessor:
        """Load both from a folder, a packaged name or a hub id.

        `overrides` replace settings of the image processor (such as `size`). Raises
        `CheckpointError`.
        """
        return cls(
            ViltImageProcessor.from_pretrained(path_or_id, revision, **overrides),
            BertTokenizer.from_pretrained(path_or_id, revision),
        )

    def save_pretrained(self, folder: str | Path) -> None:
        """Write both into `folder`; `transformers` loads them as its `ViltProcessor`."""
        folder = Path(folder)
        self.tokenizer.save_pretrained(folder)
        self.image_processor.save_pretrained(folder)
        shared = {
            "processor_class": "ViltProcessor",
            "image_processor": self.image_processor.to_dict(),
        }
        write_json(folder / SHARED_CONFIG, shared)

    def __call__(
        self, images: Any = None, text: Any = None, text_pair: Any = None, **options: Any
    ) -> BatchEncoding:
        """The model's inputs: those of the tokenizer, then those of the image processor.

        Either `images` or `text` may be left out. `options` are those of the tokenizer (`padding`,
        `truncation`, `max_length`, ...), and settings of the image processor for this call; a text
        longer than the model reads is cut only with `truncation=True`. Numbers of images and texts
        may differ (two images of one statement); the model says what it takes. Raises `ValueError`.
        """
        if images is None and text is None:
            raise ValueError("there is nothing to process: give images, text or both")
        pictured = {name: options.pop(name) for name in SETTINGS if name in options}
        data: dict[str, Any] = {}
        encodings = None
        if text is not None:
            encoded = self.tokenizer(text, text_pair, **options)
            data, encodings = dict(encoded.data), encoded.encodings
        if images is not None:
            kind = options.get("return_tensors")
            data |= self.image_processor(images, return_tensors=kind, **pictured).data
        return BatchEncoding(data, encodings)

    def batch_decode(self, sequences: Any, **options: Any) -> list[str]:
        """The tokenizer's `batch_decode`."""
        return self.tokenizer.batch_decode(sequences, **options)

    def decode(self, token_ids: Any, **options: Any) -> Any:
        """The tokenizer's `decode`."""
        return self.tokenizer.decode(token_ids, **options)
