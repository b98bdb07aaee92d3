"""Makes the sample documents and their true fields: `python -m samples.make`.

Everything follows from what `samples.content` says and from one seed, so a second run writes the
same files. Fonts are PDF's own, so none needs to be installed.
"""

from __future__ import annotations

import io
import json
import zlib
from pathlib import Path

import numpy as np
from PIL import Image
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from samples import paper
from samples.amounts import money
from samples.content import INVOICES, RECEIPTS
from samples.invoices import Invoice, classic, modern, plain
from samples.receipts import Receipt, printed

FOLDER = Path(__file__).resolve().parent
SEED = 20250314


def documents() -> dict[str, bytes]:
    """All sample documents by file name."""
    text_layer = modern(INVOICES["toolmaker"])
    return {
        "invoice-toolmaker.pdf": text_layer,
        "invoice-garden-supply.pdf": plain(INVOICES["garden"]),
        "invoice-printer-scan.pdf": _scan_pdf(classic(INVOICES["printer"])),
        "invoice-courier-fax.tif": _fax_tiff(plain(INVOICES["courier"])),
        "receipt-stationery.png": _png(_till("stationery", 190, fade=0.2)),
        "receipt-hardware.jpg": _jpeg(_till("hardware", 230, fade=0.45), 62),
        "receipt-restaurant-photo.jpg": _jpeg(_photo("restaurant"), 60),
        "receipt-minimarket.webp": _webp(_till("minimarket", 200, fade=0.25)),
        "receipt-pharmacy-sideways.jpg": _sideways(_till("pharmacy", 200, fade=0.2)),
        # Its second half never arrived: this one has to end in quarantine.
        "invoice-truncated.pdf": text_layer[: len(text_layer) // 2],
    }


def truth() -> dict[str, dict[str, str] | None]:
    """The true fields of each document, as printed; None for the one that cannot be read."""
    return {
        "invoice-toolmaker.pdf": _invoice_fields(INVOICES["toolmaker"], "Invoice date"),
        "invoice-garden-supply.pdf": _invoice_fields(INVOICES["garden"], "Date"),
        "invoice-printer-scan.pdf": _invoice_fields(INVOICES["printer"], "Date"),
        "invoice-courier-fax.tif": _invoice_fields(INVOICES["courier"], "DATE"),
        "receipt-stationery.png": _receipt_fields(RECEIPTS["stationery"], "22/03/2018"),
        "receipt-hardware.jpg": _receipt_fields(RECEIPTS["hardware"], "09/01/2019"),
        "receipt-restaurant-photo.jpg": _receipt_fields(RECEIPTS["restaurant"], "05 JUN 2018"),
        "receipt-minimarket.webp": _receipt_fields(RECEIPTS["minimarket"], "17/11/2019"),
        "receipt-pharmacy-sideways.jpg": _receipt_fields(RECEIPTS["pharmacy"], "30-08-2019"),
        "invoice-truncated.pdf": None,
    }


def _invoice_fields(invoice: Invoice, date_caption: str) -> dict[str, str]:
    return {
        "company": invoice.company,
        "date": dict(invoice.facts)[date_caption],
        "address": " ".join(invoice.address),
        "total": f"{invoice.currency}{invoice.amount(invoice.total)}",
    }


def _receipt_fields(receipt: Receipt, date: str) -> dict[str, str]:
    return {
        "company": receipt.company,
        "date": date,
        "address": " ".join(receipt.address),
        "total": f"{receipt.currency}{money(receipt.total)}",
    }


def _chance(name: str) -> np.random.Generator:
    """Each document has its own, so that a change of one leaves the others as they are."""
    return np.random.default_rng([SEED, zlib.crc32(name.encode())])


def _till(name: str, dpi: int, *, fade: float) -> Image.Image:
    (page,) = paper.rendered(printed(RECEIPTS[name]), dpi)
    chance = _chance(name)
    scan = paper.thermal(page, chance, fade=fade)
    return scan.rotate(chance.uniform(-0.7, 0.7), Image.Resampling.BICUBIC, fillcolor=243)


def _photo(name: str) -> Image.Image:
    (page,) = paper.rendered(printed(RECEIPTS[name]), 240)
    return paper.photographed(paper.thermal(page, _chance(name), fade=0.2), _chance(name))


def _scan_pdf(document: bytes) -> bytes:
    """The pages as grey JPEG pictures in a PDF that has no text layer."""
    chance = _chance("scan")
    buffer = io.BytesIO()
    canvas = Canvas(buffer, invariant=True)
    for page, tilt in zip(paper.rendered(document, 150), (0.6, -0.4, 0.9), strict=True):
        scan = paper.scanned(page, chance, tilt=tilt)
        size = (scan.width * 72 / 150, scan.height * 72 / 150)
        canvas.setPageSize(size)
        picture = ImageReader(io.BytesIO(_jpeg(scan, 48)))
        canvas.drawImage(picture, 0, 0, *size)
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def _fax_tiff(document: bytes) -> bytes:
    chance = _chance("fax")
    first, *rest = (paper.faxed(page, chance) for page in paper.rendered(document, 200))
    buffer = io.BytesIO()
    first.save(
        buffer, "TIFF", save_all=True, append_images=rest, compression="group4", dpi=(200, 200)
    )
    return buffer.getvalue()


def _jpeg(image: Image.Image, quality: int, **kept: bytes) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality, optimize=True, **kept)
    return buffer.getvalue()


def _sideways(image: Image.Image) -> bytes:
    """Stored lying on its side, with the EXIF note to turn it: as telephones write photos."""
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = image.transpose(Image.Transpose.ROTATE_90)
    return _jpeg(turned, 62, exif=exif.tobytes())


def _png(image: Image.Image) -> bytes:
    """Sixteen greys, as a scanner in its "text" setting writes them."""
    greys = np.asarray(image, dtype=np.uint16) * 15 // 245
    levels = Image.fromarray(np.minimum(greys, 15).astype(np.uint8)).convert("P")
    levels.putpalette([value for level in range(16) for value in (level * 17,) * 3])
    buffer = io.BytesIO()
    levels.save(buffer, "PNG", optimize=True, bits=4)
    return buffer.getvalue()


def _webp(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.convert("RGB").save(buffer, "WEBP", quality=55, method=6)
    return buffer.getvalue()


def main() -> None:
    """Write samples/documents/ and samples/truth.json."""
    folder = FOLDER / "documents"
    folder.mkdir(exist_ok=True)
    for name, content in documents().items():
        (folder / name).write_bytes(content)
        print(f"{len(content):>8,}  {name}")
    text = json.dumps(truth(), indent=2, ensure_ascii=False) + "\n"
    (FOLDER / "truth.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
