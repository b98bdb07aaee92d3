"""Words from pages: OCR engines, and the text that a PDF holds itself."""

from pageloom.ocr.engines import ENGINES, make_engine
from pageloom.ocr.rapidocr import RapidOcr
from pageloom.ocr.tesseract import Tesseract, Tesserocr
from pageloom.ocr.text_layer import text_layer
from pageloom.ocr.word import Engine, PagesEngine, Word

__all__ = [
    "ENGINES",
    "Engine",
    "PagesEngine",
    "RapidOcr",
    "Tesseract",
    "Tesserocr",
    "Word",
    "make_engine",
    "text_layer",
]
