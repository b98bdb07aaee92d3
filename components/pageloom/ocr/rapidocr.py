"""RapidOCR: PP-OCR's models in ONNX, carried by the `rapidocr` wheel; no system package."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pageloom.errors import EngineError
from pageloom.ocr.pool import Pool
from pageloom.ocr.reading_order import arrange
from pageloom.ocr.word import PixelBox, Word, clean, split_line

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["RapidOcr", "line_words"]

_INSTALL = "pip install 'pageloom[rapidocr]'"
SLENDEREST = 4
_MODELS = {"Det": "*_det_*.onnx", "Cls": "*_cls_*.onnx", "Rec": "*_rec_*.onnx"}


class RapidOcr:
    """Text detection and recognition with the models that the wheel holds; nothing is downloaded.

    One model reads Latin, Chinese and Japanese script, so there is no language to choose. Each page
    runs on one thread: pages run side by side instead.

    Raises:
        EngineError: at the first page, where the package or its models are missing.
    """

    def __init__(self) -> None:
        self._readers: Pool[Any] = Pool(_make)

    def read(self, image: Image.Image, dpi: int | None = None) -> list[Word]:
        """See `Engine.read`."""
        import numpy as np

        with self._readers.lend() as reader:
            pixels = np.ascontiguousarray(np.asarray(_widened(image))[:, :, ::-1])  # BGR
            try:
                found = reader(pixels, return_word_box=True)
            except Exception as error:  # OpenCV and onnxruntime have exceptions of their own
                raise EngineError(
                    f"RapidOCR failed on a {image.width} x {image.height} page: "
                    f"{type(error).__name__}: {error}"
                ) from error
        if not found.txts:
            return []
        lines = list(found.txts)
        parts = list(found.word_results)
        if len(parts) != len(lines):  # a line without words was left out, which one is not said
            parts = [()] * len(lines)
        words: list[tuple[str, PixelBox, float]] = []
        rows: list[PixelBox] = []
        for text, corners, score, items in zip(
            lines, found.boxes, found.scores, parts, strict=True
        ):
            box = _around(corners)
            for word in line_words(text, box, float(score), items):
                words.append(word)
                rows.append((word[1][0], box[1], word[1][2], box[3]))
        return [
            Word(words[at][0], words[at][1], min(1.0, max(0.0, words[at][2])), line, block)
            for at, line, block in arrange(rows)
        ]

    def __getstate__(self) -> dict[str, Any]:
        return {}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__()  # type: ignore[misc]


def _make() -> Any:
    try:
        import rapidocr
    except ImportError as error:
        raise EngineError(
            f'the engine "rapidocr" needs its package: {_INSTALL}; or use engine="tesseract"'
        ) from error
    folder = Path(rapidocr.__file__).parent / "models"
    params: dict[str, Any] = {
        "Global.log_level": "critical",
        "EngineConfig.onnxruntime.intra_op_num_threads": 1,
        "EngineConfig.onnxruntime.inter_op_num_threads": 1,
    }
    # A path keeps RapidOCR from fetching a model; without one it would, where its own is missing.
    for part, pattern in _MODELS.items():
        models = sorted(folder.glob(pattern))
        if not models:
            raise EngineError(
                f"the installed rapidocr carries no {pattern} in {folder}; install one that does: "
                f"{_INSTALL}"
            )
        params[f"{part}.model_path"] = str(models[-1])
    try:
        return rapidocr.RapidOCR(params=params)
    except Exception as error:
        raise EngineError(f"RapidOCR cannot start: {type(error).__name__}: {error}") from error


def _widened(image: Image.Image) -> Image.Image:
    """The picture with white at its right or bottom, so that no side is under 1/4 of the other.

    The detector scales the shorter side to 736 pixels: a strip of 3 x 500 would take minutes.
    """
    from PIL import Image

    least = -(-max(image.size) // SLENDEREST)
    size = max(image.width, least), max(image.height, least)
    if size == image.size:
        return image
    wider = Image.new("RGB", size, "white")
    wider.paste(image, (0, 0))
    return wider


def _around(corners: Any) -> PixelBox:
    xs, ys = [float(x) for x, _ in corners], [float(y) for _, y in corners]
    return min(xs), min(ys), max(xs), max(ys)


def line_words(
    text: str, box: PixelBox, score: float, items: Sequence[tuple[str, float, Any]]
) -> list[tuple[str, PixelBox, float]]:
    """The words of a line.

    Args:
        text: of the line.
        box: of the line.
        score: of the line.
        items: (text, score, corners) of its parts, in order: words, or characters of scripts that
            have no spaces. Where they do not add up to `text`, the line is split by widths.

    Returns:
        (text, box, score) of each word; a word has the lowest score of its parts.
    """
    words: list[tuple[str, PixelBox, float]] = []
    at = 0
    for target in text.split():
        joined, boxes, scores = "", [], []
        while len(joined) < len(target) and at < len(items):
            part, part_score, corners = items[at]
            if corners is None:
                break
            joined += "".join(part.split())
            boxes.append(_around(corners))
            scores.append(float(part_score))
            at += 1
        if joined != target:
            return [
                (cleaned, share, score)
                for word, share in split_line(text, box)
                if (cleaned := clean(word))
            ]
        if cleaned := clean(target):
            x0, y0, x1, y1 = zip(*boxes, strict=True)
            words.append((cleaned, (min(x0), min(y0), max(x1), max(y1)), min(scores)))
    return words
