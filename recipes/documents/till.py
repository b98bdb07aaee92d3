"""How a till prints: narrow paper, one or two faces, lines with something left and right."""

from __future__ import annotations

from decimal import Decimal

from recipes.documents.content import Content
from recipes.documents.fonts import FAMILIES, font, width
from recipes.documents.layout import Layout
from recipes.documents.pen import Pen
from recipes.documents.sale import Sale
from recipes.documents.sheet import Sheet
from recipes.documents.wording import caption, listed, variants

__all__ = ["Till"]


class Till(Pen):
    """A pen for receipts; see `pen.Pen`. The sheet's width is the paper's."""

    def __init__(self, sheet: Sheet, layout: Layout, content: Content, sale: Sale) -> None:
        super().__init__(sheet, layout, content, sale)
        self.sale = sale
        self.mark = "RM" if sale.malay else content.currency
        self.country = "MY" if sale.malay else content.country
        if layout.chance("mono", 0.55):
            family = layout.pick("till's face", [each for each in FAMILIES if each.kind == "mono"])
            self.regular, self.bold = font(family), font(family, bold=True)
        edge = layout.between("edge", 8, 22)
        self.left, self.right = edge, sheet.width - edge
        signs = layout.between("signs a line", 34, 44)
        self.size = min(11.0, self.wide / (signs * width("n", self.regular, 1)))
        self.step = self.size * layout.between("till's leading", 1.12, 1.5)
        self.bold_captions = layout.chance("bold captions", 0.1)
        self.muted = "#000000"
        self.capitals = layout.chance("all in capitals", 0.3)
        self.upper = self.upper or self.capitals
        self.y = edge + self.size * 1.6

    def term(self, key: str, rate: Decimal | None = None) -> str:
        """The layout's wording of words/receipt.txt."""
        text = caption(self.layout, "receipt", key)
        if not self.sale.totals.taxes and "{tax}" in text:
            text = variants(self.layout, "receipt", key)[0]
        text = text.replace("{tax}", self.tax_word())
        text = text.replace("{rate}", self.percent(rate) if rate is not None else "")
        text = " ".join(text.replace("()", "").split()).removesuffix(" @")
        return text.upper() if self.upper and "{" not in text else text

    def terms(self, key: str) -> list[str]:
        """The layout's wording of a list."""
        return listed(self.layout, "receipt", key)

    def said(self, text: str) -> str:
        """A text as the till writes it."""
        return text.upper() if self.capitals else text

    def money(self, amount: Decimal, *, row: bool = False) -> str:
        """An amount: in rows bare, else as the layout has it."""
        style = self.layout.pick("till's money", ("bare", "sign", "bare", "bare", "locale", "code"))
        sign = "-" if amount < 0 else ""
        if row or style == "bare":
            return sign + self.content.number(abs(amount))
        if self.sale.malay and style != "code":
            glue = "" if self.layout.chance("RM glued", 0.5) else " "
            return f"{sign}RM{glue}{self.content.number(abs(amount))}"
        if style == "code":
            return f"{self.mark} {sign}{self.content.number(abs(amount))}"
        return sign + self.content.money(abs(amount))

    # -- lines -------------------------------------------------------------------------------------

    def gap(self, lines: float = 0.5) -> None:
        """Leave room."""
        self.y += self.step * lines

    def divide(self) -> None:
        """A line across: of signs, dashed, or none."""
        style = self.layout.pick("divider", ("-", "dash", "=", "none", "rule", "*", "dots", "_"))
        if style == "none":
            self.gap(0.6)
        elif style in ("dash", "rule", "dots"):
            dash = {"dash": (3.0, 2.0), "dots": (0.8, 1.6)}.get(style)
            y = self.y - self.step * 0.45
            self.sheet.rule(self.left, y, self.right, y, dash=dash)
            self.gap(0.75)
        else:
            count = int(self.wide / width(style, self.regular, self.size))
            self.put(self.left, self.y, style * count)
            self.gap(1)

    def two(
        self,
        left: str,
        right: str,
        field: str | None = None,
        *,
        bold: bool = False,
        size: float | None = None,
        label: str = "",
        indent: float = 0.0,
    ) -> None:
        """A caption at the left, its value at the right, and on to the next line."""
        size = size or self.size
        face = self.bold if bold else self.regular
        room = self.wide - indent - width(left + "  ", face, size)
        if width(right, face, size) > room:
            size = max(5.0, size * self.wide / (self.wide - room + width(right, face, size)))
        label = label or left.rstrip(" :")
        if size > self.size:
            self.y += (size - self.size) * 0.7
        with self.sheet.block():
            self.put(self.left + indent, self.y, left, bold=bold, size=size)
            self.put(
                self.right, self.y, right, bold=bold, size=size, align="right", field=field,
                label=label if field else "",
            )  # fmt: skip
        self.y += max(self.step, size * 1.2)

    def middle(
        self, text: str, field: str | None = None, *, bold: bool = False, size: float | None = None
    ) -> None:
        """Text in the middle, broken where it is too wide."""
        size = size or self.size
        if size > self.size:
            self.y += (size - self.size) * 0.6
        self.y = self.lines(
            self.sheet.width / 2, self.y, [text], self.wide, field=field, bold=bold, size=size,
            align="center",
        )  # fmt: skip
