"""The typefaces that pages are set in: PDF's standard ones, and those of a few Debian packages."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFError, TTFont

__all__ = ["FAMILIES", "HANDWRITING", "Family", "font", "width"]

PACKAGES = (
    "fonts-breip fonts-crosextra-caladea fonts-crosextra-carlito fonts-dejavu-core "
    "fonts-dkg-handwriting fonts-ecolier-court fonts-liberation fonts-open-sans "
    "fonts-roboto-unhinted"
)
FOLDERS = (Path("/usr/share/fonts/truetype"), Path("/usr/local/share/fonts"))


@dataclass(frozen=True)
class Family:
    """A typeface: its files or standard names, regular and bold, and what it looks like."""

    name: str
    regular: str
    bold: str
    kind: str  # "sans", "serif", "mono" or "hand"


# The last of each kind stands on held-out pages only (see `layout.Layout.pick`).
FAMILIES = (
    Family("Helvetica", "Helvetica", "Helvetica-Bold", "sans"),
    Family("Carlito", "crosextra/Carlito-Regular.ttf", "crosextra/Carlito-Bold.ttf", "sans"),
    Family("DejaVu Sans", "dejavu/DejaVuSans.ttf", "dejavu/DejaVuSans-Bold.ttf", "sans"),
    Family("Open Sans", "open-sans/OpenSans-Regular.ttf", "open-sans/OpenSans-Bold.ttf", "sans"),
    Family(
        "Roboto",
        "roboto/unhinted/RobotoTTF/Roboto-Regular.ttf",
        "roboto/unhinted/RobotoTTF/Roboto-Bold.ttf",
        "sans",
    ),
    Family("Times", "Times-Roman", "Times-Bold", "serif"),
    Family("DejaVu Serif", "dejavu/DejaVuSerif.ttf", "dejavu/DejaVuSerif-Bold.ttf", "serif"),
    Family(
        "Liberation Serif",
        "liberation/LiberationSerif-Regular.ttf",
        "liberation/LiberationSerif-Bold.ttf",
        "serif",
    ),
    Family("Caladea", "crosextra/Caladea-Regular.ttf", "crosextra/Caladea-Bold.ttf", "serif"),
    Family("DejaVu Mono", "dejavu/DejaVuSansMono.ttf", "dejavu/DejaVuSansMono-Bold.ttf", "mono"),
    Family(
        "Liberation Mono",
        "liberation/LiberationMono-Regular.ttf",
        "liberation/LiberationMono-Bold.ttf",
        "mono",
    ),
)
HANDWRITING = (
    Family("dkg", "fifthhorseman/dkg.ttf", "fifthhorseman/dkgBd.ttf", "hand"),
    Family("Breip", "breip/Breip.ttf", "breip/Breip.ttf", "hand"),
    Family("Ecolier", "ecolier-court/Ecolier-court.ttf", "ecolier-court/Ecolier-court.ttf", "hand"),
)


@cache
def font(family: Family, bold: bool = False) -> str:
    """The name under which the PDF library knows it. Raises `SystemExit` where it is missing."""
    wanted = family.bold if bold else family.regular
    if not wanted.endswith(".ttf"):
        return wanted
    name = Path(wanted).stem
    for folder in FOLDERS:
        if (folder / wanted).is_file():
            try:
                pdfmetrics.registerFont(TTFont(name, folder / wanted))
            except TTFError as error:
                raise SystemExit(f"{folder / wanted}: {error}") from None
            return name
    raise SystemExit(f"no {wanted} in {FOLDERS[0]}: apt-get install {PACKAGES}")


@lru_cache(maxsize=200_000)
def width(text: str, name: str, size: float) -> float:
    """How wide a text is, in points."""
    return float(pdfmetrics.stringWidth(text, name, size))
