"""Tesseract: the program through pytesseract, or its library through tesserocr."""

from __future__ import annotations

import os
import re
import threading
from collections import ChainMap
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from pageloom.errors import EngineError
from pageloom.ocr.pool import Pool
from pageloom.ocr.word import Word, clean

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["Tesseract", "Tesserocr", "read_tsv", "split_pages"]

_LANG = re.compile(r"[A-Za-z0-9][A-Za-z0-9_/]*(\+[A-Za-z0-9][A-Za-z0-9_/]*)*")
_TEXTLESS_MODES = (0, 2)
_INSTALL = "install it: apt-get install tesseract-ocr (or the package of your system)"


def _check(lang: str, psm: int) -> None:
    if not _LANG.fullmatch(lang):
        raise EngineError(
            f'lang={lang!r} is no list of Tesseract languages; give e.g. "eng" or "eng+deu"'
        )
    if not 0 <= psm <= 13 or psm in _TEXTLESS_MODES:
        raise EngineError(
            f"psm={psm}: give a page segmentation mode that reads text: 1 or 3 to 13 (3: a page, "
            "6: one block, 7: one line, 11: sparse text)"
        )


def _missing_languages(lang: str, installed: set[str]) -> EngineError | None:
    missing = [name for name in lang.split("+") if name not in installed]
    if not missing:
        return None
    packages = " ".join(f"tesseract-ocr-{name.lower().replace('_', '-')}" for name in missing)
    return EngineError(
        f"Tesseract has no language {', '.join(map(repr, missing))} (installed: "
        f"{', '.join(sorted(installed)) or 'none'}); install it: apt-get install {packages}"
    )


def read_tsv(tsv: str) -> list[Word]:
    """The words of Tesseract's TSV output; blocks and lines are numbered from 0 in its order."""
    words: list[Word] = []
    lines: dict[tuple[int, int, int], int] = {}
    blocks: dict[int, int] = {}
    for row in tsv.split("\n"):
        cells = row.rstrip("\r").split("\t")
        if len(cells) < 12 or cells[0] != "5":  # level 5 is a word; pages, blocks, lines above
            continue
        text = clean("".join(cells[11:]))
        if not text:
            continue
        block, paragraph, line = (int(cell) for cell in cells[2:5])
        x, y, width, height = (float(cell) for cell in cells[6:10])
        words.append(
            Word(
                text,
                (x, y, x + width, y + height),
                min(1.0, max(0.0, float(cells[10]) / 100)),
                lines.setdefault((block, paragraph, line), len(lines)),
                blocks.setdefault(block, len(blocks)),
            )
        )
    return words


def split_pages(tsv: str) -> list[str]:
    """The rows of each page in Tesseract's TSV output; a page without words has rows too."""
    pages: dict[str, list[str]] = {}
    for row in tsv.split("\n"):
        level, _, rest = row.partition("\t")
        number, tab, _ = rest.partition("\t")
        if level.isdigit() and tab:  # not the line of column names
            pages.setdefault(number, []).append(row)
    return ["\n".join(rows) for rows in pages.values()]


def _is_grey(image: Image.Image) -> bool:
    """Whether all channels are equal: then one of them gives Tesseract the same pixels to look at,
    in three quarters of the time.
    """
    import numpy as np

    if image.mode != "RGB":
        return False
    pixels = np.asarray(image)
    # A few rows tell most colour pictures apart before all of them are compared.
    for rows in (pixels[:: max(1, len(pixels) // 16)], pixels):
        red, green, blue = rows[..., 0], rows[..., 1], rows[..., 2]
        if not (np.array_equal(red, green) and np.array_equal(green, blue)):
            return False
    return True


def _picture(image: Image.Image) -> Image.Image:
    """What Tesseract is given of a page; a new picture, since saving one leaves marks on it."""
    return image.getchannel(0) if _is_grey(image) else image.copy()


class Tesseract:
    """The Tesseract program: a process for a page or a few of them, with one thread.

    More threads in one process are slower than one, many times so where processes share the cores:
    run processes side by side instead (the component's `workers`).

    Args:
        lang: installed languages, as in "eng+deu".
        psm: page segmentation mode, 1 or 3 to 13.

    Raises:
        EngineError: `lang` or `psm` cannot be. What is not installed shows at the first page.
    """

    def __init__(self, lang: str = "eng", psm: int = 3) -> None:
        _check(lang, psm)
        self.lang = lang
        self.psm = psm
        self._ready = False

    def check(self) -> None:
        """Find out whether the program and its languages are there.

        Raises:
            EngineError: they are not; the message has the line that installs them.
        """
        if self._ready:
            return
        pytesseract = _pytesseract()
        try:
            installed = set(pytesseract.get_languages(config=""))
        except (pytesseract.TesseractNotFoundError, OSError) as error:
            raise EngineError(
                f"the program {pytesseract.pytesseract.tesseract_cmd!r} is not installed or not in "
                f"PATH; {_INSTALL}"
            ) from error
        missing = _missing_languages(self.lang, installed)
        if missing is not None:
            raise missing
        self._ready = True

    def read(self, image: Image.Image, dpi: int | None = None) -> list[Word]:
        """See `Engine.read`."""
        self.check()
        picture = _picture(image)
        # Uncompressed: encoding a PNG for the program takes longer than writing and reading it.
        picture.format = "PPM"
        return read_tsv(self._run(picture, dpi, f"a {image.width} x {image.height} page"))

    def read_all(self, images: Sequence[Image.Image], dpi: int | None = None) -> list[list[Word]]:
        """See `PagesEngine.read_all`: one process, which takes 0.1 s to start, reads them all."""
        if not images:
            return []
        self.check()
        with TemporaryDirectory(prefix="pageloom-") as folder:
            paths = [Path(folder, f"{number}.ppm") for number in range(1, len(images) + 1)]
            names = Path(folder, "pages.txt")
            try:
                for image, path in zip(images, paths, strict=True):
                    _picture(image).save(path, format="PPM")
                names.write_bytes(b"".join(os.fsencode(path) + b"\n" for path in paths))
            except OSError as error:
                raise EngineError(
                    f"{len(images)} pages cannot be written for Tesseract: {error}; make room, or "
                    "point TMPDIR to a folder that has some"
                ) from error
            pages = split_pages(self._run(str(names), dpi, f"{len(images)} pages"))
        if len(pages) != len(images):
            raise EngineError(f"Tesseract read {len(pages)} of {len(images)} pages")
        return [read_tsv(page) for page in pages]

    def _run(self, source: Image.Image | str, dpi: int | None, what: str) -> str:
        """The TSV of a picture, or of the pictures that a text file names."""
        pytesseract = _pytesseract()
        config = f"--psm {self.psm}" + (f" --dpi {dpi}" if dpi else "")
        try:
            tsv: str = pytesseract.image_to_data(source, lang=self.lang, config=config)
        except pytesseract.TesseractNotFoundError as error:
            self._ready = False
            raise EngineError(f"Tesseract is not in PATH any more; {_INSTALL}") from error
        except (pytesseract.TesseractError, RuntimeError, OSError) as error:
            raise EngineError(f"Tesseract failed on {what}: {error}") from error
        return tsv

    def __getstate__(self) -> dict[str, Any]:
        return {"lang": self.lang, "psm": self.psm, "_ready": False}


_ENVIRONMENT = threading.Lock()


def _pytesseract() -> Any:
    import pytesseract

    module = pytesseract.pytesseract
    with _ENVIRONMENT:
        # The limit belongs to the child alone: in this process it would bind torch's threads too.
        if module.environ is os.environ:
            module.environ = ChainMap({"OMP_THREAD_LIMIT": "1"}, os.environ)
    return pytesseract


class Tesserocr:
    """Tesseract's library in this process, without a process a page.

    It obeys `OMP_THREAD_LIMIT` of this process's environment: set it to 1 before Python starts.

    Args:
        lang: installed languages, as in "eng+deu".
        psm: page segmentation mode, 1 or 3 to 13.

    Raises:
        EngineError: `lang` or `psm` cannot be. What is not installed shows at the first page.
    """

    def __init__(self, lang: str = "eng", psm: int = 3) -> None:
        _check(lang, psm)
        self.lang = lang
        self.psm = psm
        self._apis: Pool[Any] = Pool(self._make)

    def _make(self) -> Any:
        try:
            import tesserocr
        except ImportError as error:
            raise EngineError(
                'the engine "tesserocr" needs its package: pip install tesserocr; or use '
                'engine="tesseract"'
            ) from error
        missing = _missing_languages(self.lang, set(tesserocr.get_languages()[1]))
        if missing is not None:
            raise EngineError(f"{missing}; or point TESSDATA_PREFIX to the folder that has it")
        try:
            return tesserocr.PyTessBaseAPI(lang=self.lang, psm=self.psm)
        except RuntimeError as error:
            raise EngineError(
                f"tesserocr cannot start with lang={self.lang!r} ({error}); point TESSDATA_PREFIX "
                "to the folder of *.traineddata files"
            ) from error

    def read(self, image: Image.Image, dpi: int | None = None) -> list[Word]:
        """See `Engine.read`."""
        with self._apis.lend() as api:
            try:
                api.SetImage(image)
                if dpi:
                    api.SetSourceResolution(dpi)
                return read_tsv(api.GetTSVText(0))
            except RuntimeError as error:
                raise EngineError(
                    f"tesserocr failed on a {image.width} x {image.height} page: {error}"
                ) from error

    def __getstate__(self) -> dict[str, Any]:
        return {"lang": self.lang, "psm": self.psm}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]
