"""Finding an OCR engine by name."""

from __future__ import annotations

from importlib.util import find_spec
from typing import cast

from catalogue import RegistryError
from spacy.util import registry

from pageloom.errors import EngineError
from pageloom.ocr.word import Engine

__all__ = ["ENGINES", "chosen", "make_engine"]

ENGINES = {
    "tesseract": "pageloom.Tesseract.v1",
    "tesserocr": "pageloom.Tesserocr.v1",
    "rapidocr": "pageloom.RapidOcr.v1",
}


def chosen(name: str, lang: str) -> str:
    """The engine that a name stands for: "auto" is RapidOCR for English where it is installed.

    It reads small print and bad photos better than Tesseract; the card of `pageloom/fields-sm` has
    figures of English receipts. The two were not compared in other languages: for those, and where
    its packages are missing, "auto" is Tesseract. Any other name stands for itself.
    """
    if name != "auto":
        return name
    here = all(find_spec(package) is not None for package in ("rapidocr", "onnxruntime"))
    return "rapidocr" if here and lang == "eng" else "tesseract"


def make_engine(name: str, *, lang: str = "eng", psm: int = 3) -> Engine:
    """The engine of that name.

    Args:
        name: "auto" (see `chosen`), "tesseract", "tesserocr", "rapidocr", or a name in
            `spacy.registry.misc`, whose function is called with `lang` and `psm`.
        lang: as the engine understands it.
        psm: Tesseract's page segmentation mode.

    Raises:
        EngineError: there is no engine of that name, or it refuses its settings.
    """
    name = chosen(name, lang)
    try:
        make = registry.misc.get(ENGINES.get(name, name))
    except RegistryError as error:
        raise EngineError(
            f"engine={name!r}: there is no such OCR engine; use 'auto', "
            f"{', '.join(map(repr, ENGINES))}, or register yours with spacy.registry.misc"
        ) from error
    engine = make(lang=lang, psm=psm)
    if not callable(getattr(engine, "read", None)):
        raise EngineError(
            f"engine={name!r}: the registered function returned a {type(engine).__name__}, which "
            "has no method read(image, dpi)"
        )
    return cast(Engine, engine)
