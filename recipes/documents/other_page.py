"""What all the documents of no other kind need: a page, its issuer, captions of its fields."""

from __future__ import annotations

from dataclasses import dataclass

from recipes.documents import marks
from recipes.documents.content import Content
from recipes.documents.layout import Layout
from recipes.documents.sheet import Align, Sheet
from recipes.documents.wording import caption, listed, sections, variants
from recipes.documents.writer import Pair, Writer

__all__ = ["Page"]

TABLES = ("other", "other_life")


@dataclass
class Page:
    """A page in the making.

    Args:
        sheet: to draw on.
        layout: the template's choices.
        content: the document's.
        writer: for text, lists and tables.
        issuer: the template's company.
        address: of the issuer, its lines.
    """

    sheet: Sheet
    layout: Layout
    content: Content
    writer: Writer
    issuer: str
    address: list[str]

    @staticmethod
    def _table(key: str) -> str:
        return TABLES[0] if key in sections(TABLES[0]) else TABLES[1]

    def caption(self, key: str) -> str:
        """The layout's wording of a caption or a title."""
        return caption(self.layout, self._table(key), key)

    def listed(self, key: str) -> list[str]:
        """The parts of the layout's wording of a list."""
        return listed(self.layout, self._table(key), key)

    def options(self, key: str) -> tuple[str, ...]:
        """All wordings of the language."""
        return variants(self.layout, self._table(key), key)

    def word(self, key: str) -> str:
        """One of the wordings, with its names filled in; another one in each document."""
        return self.named(self.content.choose(self.options(key)))

    def named(self, pattern: str) -> str:
        """A pattern with {city}, {name} and {n} filled in."""
        content = self.content
        pattern = pattern.replace("{city}", str(content.fake.city()))
        pattern = pattern.replace("{name}", str(content.fake.last_name()))
        return pattern.replace("{n}", str(content.random.randint(2, 10)))

    def some(self, key: str, count: int) -> list[str]:
        """Different wordings, at most as many as there are."""
        options = list(self.options(key))
        return self.content.random.sample(options, min(count, len(options)))

    def pairs(self, values: dict[str, str]) -> list[Pair]:
        """Values by field with the layout's captions."""
        return [(key, self.caption(key), value) for key, value in values.items() if value]

    def pair(self, x: float, y: float, key: str, value: str, wide: float) -> float:
        """One caption with its value on a line; returns the next baseline."""
        return self.writer.pairs(x, y, self.pairs({key: value}), wide, "single", style="inline")

    def value(
        self, x: float, y: float, key: str, value: str, *, scale: float = 1.0, bold: bool = False,
        align: Align = "left", wide: float | None = None, above: float = 1.5,
    ) -> None:  # fmt: skip
        """A value with its caption in small print above it."""
        label = self.caption(key)
        self.writer.text(x, y - self.writer.size * above * max(1.0, scale * 0.75), label,
                         scale=0.75, align=align, colour="#444444", wide=wide)  # fmt: skip
        self.writer.text(x, y, value, scale=scale, bold=bold, align=align, field=key, wide=wide)
        self.sheet.captions[key, 0] = label

    def title(self, key: str, y: float, *, scale: float = 1.8, align: Align = "left") -> float:
        """The page's title with its top at `y`; returns the y below."""
        text = self.caption(f"title:{key}")
        if self.layout.chance("upper title", 0.3):
            text = text.upper()
        writer = self.writer
        x = {"left": writer.left, "center": self.sheet.width / 2, "right": writer.right}[align]
        colour = self.layout.accent if self.layout.chance("coloured title", 0.5) else "#000000"
        y += writer.size * scale
        writer.text(x, y, text, scale=scale, bold=True, align=align, colour=colour,
                    wide=writer.wide)  # fmt: skip
        return y + writer.size * 0.9

    def logo(self, x0: float, y0: float, x1: float, y1: float, chance: float = 0.55) -> bool:
        """A logo on some layouts."""
        if self.layout.chance("logo", chance):
            marks.logo(self.sheet, self.layout, x0, y0, x1, y1)
            return True
        return False

    def clock(self, first: int = 6, last: int = 22) -> str:
        """A time of day."""
        hour = self.content.random.randint(first, last)
        return f"{hour:02}:{self.content.random.choice((0, 15, 30, 45, 10, 5)):02}"
