"""Documents to look at: with fields, pages, checks, answers and errors, set by hand."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import spacy
from PIL import Image, ImageDraw
from spacy.tokens import Doc, DocBin

from pageloom import Answer, Check, DocumentError, Field, Page

VOCAB = spacy.blank("xx").vocab
HOSTILE = "\"></script><script>hacked=1</script><img src=x onerror=hacked=1>'{{7*7}}</bdi>\u202e"


def sheet(folder: Path, name: str = "sheet.png", size: tuple[int, int] = (800, 1200)) -> str:
    """The path of a white page with a black square in its upper left corner."""
    image = Image.new("RGB", size, "white")
    ImageDraw.Draw(image).rectangle((0, 0, size[0] // 10, size[1] // 10), fill="black")
    image.save(folder / name)
    return str(folder / name)


def page(source: str, number: int = 1, size: tuple[int, int] = (800, 1200)) -> Page:
    file = Path(source)
    content = file.read_bytes() if file.exists() else b""
    return Page(number, *size, 200, source, hashlib.sha256(content).hexdigest())


def field(text="9.00", score=0.97, number=1, box=(100, 500, 300, 600), value=None) -> Field:
    return Field(text, score, number, box, 0, 1, value=value)


def document(
    source="in/receipt.png",
    *,
    pages: Sequence[Page] = (),
    fields: dict[str, list[Field]] | None = None,
    checks: Sequence[Check] = (),
    answers: Sequence[Answer] = (),
    errors: Sequence[DocumentError] = (),
    classes: dict[str, float] | None = None,
    words: Sequence[str] = (),
    sha256: str = "ab" * 32,
) -> Doc:
    doc = Doc(VOCAB, words=list(words))
    doc._.source, doc._.sha256 = source, sha256
    doc._.pages, doc._.fields = list(pages), fields or {}
    doc._.checks, doc._.answers, doc._.errors = list(checks), list(answers), list(errors)
    doc.cats = classes or {}
    return doc


def receipt(folder: Path) -> Doc:
    """Two pages, three labels of which one is on the second page, and something of everything."""
    first, second = (Image.open(sheet(folder, f"{number}.png")) for number in (1, 2))
    both = folder / "receipt.tif"
    first.save(both, save_all=True, append_images=[second], compression="tiff_deflate")
    pages = [page(str(both), number) for number in (1, 2)]
    fields = {
        "company": [field("Acme Ltd", 0.99, box=(100, 200, 400, 240))],
        "total": [
            field("RM 9.00", 0.72, value="9.00"),
            field("RM 8.00", 0.31, box=(100, 700, 300, 740)),
        ],
        "date": [field("1 May 2024", 0.95, 2, (600, 50, 900, 80), "2024-05-01")],
    }
    return document(
        "in/receipt.tif",
        pages=pages,
        fields=fields,
        checks=[
            Check("net_tax_total", False, ("total", "company"), "7.00 + 1.00 = 8.00, not 9.00"),
            Check("currency", True, ("total",), "all amounts are in MYR"),
        ],
        answers=[Answer("Who signed?", "", 0.2, None, None, None, "lilt_qa")],
        errors=[DocumentError("ocr", "engine", 2, "receipt.tif, page 2: too small")],
        classes={"receipt": 0.9, "invoice": 0.1},
        words=["Acme"],
        sha256="ab" * 32,
    )


def write(docs: Sequence[Doc], path: Path) -> Path:
    DocBin(store_user_data=True, docs=docs).to_disk(path)
    return path


def many(folder: Path, count: int) -> list[Doc]:
    """Documents `0000.png`, `0001.png`, ...; every tenth failed, confidence falling."""
    source = sheet(folder, "many.png", (60, 90))
    error = DocumentError("reader", "truncated", None, "its end is missing")
    return [
        document(
            f"in/{number:04}.png",
            pages=[] if number % 10 == 9 else [page(source, size=(60, 90))],
            fields={} if number % 10 == 9 else {"total": [field(score=1 - number / count)]},
            errors=[error] if number % 10 == 9 else [],
            sha256=f"{number:064x}",
        )
        for number in range(count)
    ]
