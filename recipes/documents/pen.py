"""How a bill is written: captions, values, parties and amounts in one layout's style."""

from __future__ import annotations

import datetime
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from recipes.documents.bill import Bill, Party
from recipes.documents.content import Content
from recipes.documents.fonts import width
from recipes.documents.layout import Layout
from recipes.documents.sale import Sale
from recipes.documents.sheet import Align, Sheet
from recipes.documents.wording import caption, variants

__all__ = ["Entry", "Pen"]

# Captions that announce what remains to be paid; not for a total of which a part is paid.
OPEN = ("due", "Due", "pay", "Pay", "ahlen", "Zahl", "régler", "dovuto", "líquido")
GREYS = ("#555555", "#777777", "#444444", "#000000")


@dataclass(frozen=True)
class Entry:
    """A value with its caption. Its field starts with "x_" where a tagger should ignore it."""

    field: str
    caption: str
    text: str


class Pen:
    """Writes on a sheet. `y` is the baseline that is next; lengths are in points.

    Args:
        sheet: to write on.
        layout: chooses style and wording.
        content: chooses what only this document has.
        bill: what to say.
    """

    def __init__(self, sheet: Sheet, layout: Layout, content: Content, bill: Bill | Sale) -> None:
        self.sheet, self.layout, self.content, self.bill = sheet, layout, content, bill
        self.country = content.country
        self.size = layout.size
        self.regular, self.bold, self.accent = layout.regular, layout.bold, layout.accent
        self.step = self.size * layout.between("leading", 1.18, 1.5)
        self.left, self.right = layout.margin, sheet.width - layout.margin
        self.bottom = sheet.height - max(28.0, layout.margin * 0.7)
        self.y = layout.margin + self.size
        self.muted = layout.pick("muted", GREYS)
        # French puts a blank before a colon; other languages seldom do.
        self.colon = layout.pick(
            "colon", (":", ":", "", ":", " :" if layout.language == "fr" else "")
        )
        self.upper = layout.chance("captions in capitals", 0.15)
        self.bold_captions = layout.chance("bold captions", 0.35)
        self.groups: Counter[str] = Counter()

    @property
    def wide(self) -> float:
        """Between the margins."""
        return self.right - self.left

    # -- words -------------------------------------------------------------------------------------

    def tax_word(self) -> str:
        """What the country calls its tax."""
        return caption(self.layout, "bill", f"tax_word:{self.country}")

    def words(self, key: str, rate: Decimal | None = None, without: Sequence[str] = ()) -> str:
        """The layout's caption for a key, with the tax's name and rate filled in."""
        if key == "tax_id":
            key = f"tax_id:{self.country}"
        text = caption(self.layout, "bill", key)
        if any(word in text for word in without):
            able = [
                each
                for each in variants(self.layout, "bill", key)
                if not any(word in each for word in without)
            ]
            text = self.layout.random(f"instead {key}").choice(able or [text])
        percent = self.percent(rate) if rate is not None else ""
        text = text.replace("{tax}", self.tax_word()).replace("{rate}", percent)
        text = " ".join(text.replace("()", "").split()).removesuffix(" @")
        return text.upper() if self.upper else text

    def percent(self, rate: Decimal) -> str:
        """A rate as the layout writes it."""
        places = max(0, -int(rate.as_tuple().exponent))
        if self.layout.chance("rates with cents", 0.3):
            places = max(places, 2)
        blank = " " if self.layout.chance("blank before percent", 0.4) else ""
        return f"{self.content.number(rate, places)}{blank}%"

    def sentence(self, key: str, *, any_of: bool = False) -> str:
        """A sentence of words/bill_text.txt, filled in."""
        options = variants(self.layout, "bill_text", key)
        text = (
            self.content.choose(options) if any_of else caption(self.layout, "bill_text", key)
        )  # fmt: skip
        if "<" not in text:
            return text
        content, bill = self.content, self.bill
        day = bill.day - datetime.timedelta(content.random.randint(3, 60))
        for slot, value in (
            ("<days>", str(bill.days)),
            ("<due>", content.date(bill.due)),
            ("<date>", content.date(day)),
            ("<later>", content.date(day + datetime.timedelta(content.random.randint(1, 30)))),
            ("<serial>", content.digits("??######")),
            ("<person>", bill.seller.person),
        ):
            text = text.replace(slot, value)
        return text

    def amount(self, amount: Decimal, *, row: bool = False) -> str:
        """An amount, in rows often without the currency. Those of credit notes may be negative."""
        if self.bill.style == "credit" and self.layout.chance("negative credit", 0.5):
            amount = -amount
        bare = row and self.layout.chance("bare rows", 0.65)
        text = self.content.number(abs(amount)) if bare else self.content.money(abs(amount))
        # Signs of three letters do not stick to the digits.
        text = re.sub(r"(?<=[A-Z]{3})(?=\d)", " ", text)
        return f"-{text}" if amount < 0 else text

    # -- writing -----------------------------------------------------------------------------------

    def group(self, field: str) -> int:
        """The number of the next value of a field."""
        self.groups[field] += 1
        return self.groups[field] - 1

    def put(
        self,
        x: float,
        y: float,
        text: str,
        *,
        field: str | None = None,
        label: str = "",
        bold: bool = False,
        size: float | None = None,
        colour: str = "#000000",
        align: Align = "left",
        wide: float | None = None,
        group: int | None = None,
    ) -> float:
        """Write a value (`label` is its caption), shrunk to `wide`; returns the x at its end."""
        face, size = self.bold if bold else self.regular, size or self.size
        if wide is not None and width(text, face, size) > wide:
            size = max(4.5, size * wide / width(text, face, size))
        if field:
            group = self.group(field) if group is None else group
            if label:
                self.sheet.captions[(field, group)] = label
        return self.sheet.text(
            x, y, text, font=face, size=size, colour=colour, align=align, field=field,
            group=group or 0,
        )  # fmt: skip

    def lines(
        self,
        x: float,
        y: float,
        texts: Iterable[str],
        wide: float,
        *,
        field: str | None = None,
        label: str = "",
        bold: bool = False,
        size: float | None = None,
        colour: str = "#000000",
        align: Align = "left",
    ) -> float:
        """Write lines, each broken at `wide`, as one value; returns the next baseline."""
        face, size = self.bold if bold else self.regular, size or self.size
        group = self.group(field) if field else 0
        if field and label:
            self.sheet.captions[(field, group)] = label
        with self.sheet.block():
            for text in texts:
                for line in Sheet.wrapped(text, wide, face, size):
                    self.put(
                        x, y, line, field=field, group=group, bold=bold, size=size, colour=colour,
                        align=align, wide=wide,
                    )  # fmt: skip
                    y += max(self.step, size * 1.15) if size > self.size else self.step
        return y

    def label(self, text: str) -> str:
        """A caption as it stands before its value."""
        return f"{text.rstrip(':')}{self.colon}"

    def pair(
        self,
        x: float,
        y: float,
        entry: Entry,
        *,
        size: float | None = None,
        align: Align = "left",
        colour: str = "#000000",
    ) -> float:
        """Caption and value on one line; returns the x at the end."""
        size = size or self.size
        caption, blank = self.label(entry.caption), width(" ", self.regular, size)
        face = self.bold if self.bold_captions else self.regular
        whole = width(caption, face, size) + blank + width(entry.text, self.regular, size)
        x -= whole * {"left": 0.0, "center": 0.5, "right": 1.0}[align]
        with self.sheet.block():
            x = self.put(x, y, caption, bold=self.bold_captions, size=size, colour=colour)
            return self.put(
                x + blank, y, entry.text, field=entry.field, label=entry.caption, size=size,
                colour=colour,
            )  # fmt: skip

    # -- parties -----------------------------------------------------------------------------------

    def party(
        self,
        x: float,
        y: float,
        wide: float,
        who: str,
        *,
        head: bool = True,
        align: Align = "left",
        name_size: float | None = None,
        extra: Sequence[Entry] = (),
        address: bool = True,
    ) -> float:
        """Name and address of the "seller", the "buyer" or for "delivery"; returns the next
        baseline. `head` prints the caption above; `extra` values follow, one a line."""
        party: Party = getattr(self.bill, who)
        name_field = who if who != "delivery" else "x_delivery_name"
        address_field = f"{who}_address" if who != "delivery" else "x_delivery_address"
        label = ""
        with self.sheet.block():
            if head:
                label = self.words(who)
                self.put(
                    x, y, self.label(label), bold=self.layout.chance("bold heads", 0.6),
                    size=self.size * self.layout.between("head size", 0.8, 1.05),
                    colour=self.layout.pick("head colour", (self.muted, self.accent, "#000000")),
                    align=align, wide=wide,
                )  # fmt: skip
                y += self.step * 1.1
            contact = who == "buyer" and self.layout.chance("attention", 0.25)
            bold = self.layout.chance(f"bold {who}", 0.5) or bool(name_size)
            size = name_size or self.size
            if name_size:
                fit = size * wide / width(party.name, self.bold, size)
                size = max(self.size, min(size, fit))
                y += (size - self.size) * 0.8 if head else 0
            y = self.lines(
                x, y, [party.name], wide, field=name_field, label=label, bold=bold, size=size,
                align=align, colour=self.accent if name_size else "#000000",
            )  # fmt: skip
            if contact and party.person != party.name:
                prefix = self.words("contact") + " " if self.layout.chance("attn word", 0.5) else ""
                y = self.lines(x, y, [prefix + party.person], wide, field="x_contact", align=align)
            if address:
                comma = self.layout.chance(f"address of {who} in a line", 0.15)
                texts = [", ".join(party.address)] if comma else party.address
                y = self.lines(x, y, texts, wide, field=address_field, align=align)
            for entry in extra:
                size = self.size
                text = f"{self.label(entry.caption)} {entry.text}"
                if width(text, self.bold, size) > wide:
                    size = max(4.5, size * wide / width(text, self.bold, size))
                self.pair(x, y, entry, align=align, size=size)
                y += self.step
        return y

    def sender_line(self, x: float, y: float, wide: float) -> None:
        """The sender in small print on one line, as above a window of an envelope."""
        seller, size = self.bill.seller, self.size * 0.68
        mark = self.layout.pick("sender mark", ("·", "-", "•", "|", ","))
        parts = [(seller.name, "seller"), (", ".join(seller.address), "seller_address")]
        whole = width(f"{seller.name} {mark} {parts[1][0]}", self.regular, size)
        size = min(size, size * wide / whole)
        with self.sheet.block():
            end = self.put(x, y, seller.name, field="seller", size=size, colour=self.muted)
            end = self.put(end + size * 0.3, y, mark, size=size, colour=self.muted)
            self.put(
                end + size * 0.3, y, parts[1][0], field="seller_address", size=size,
                colour=self.muted,
            )  # fmt: skip
        if self.layout.chance("sender line ruled", 0.5):
            self.sheet.rule(x, y + 2, x + min(wide, whole), y + 2, colour=self.muted, thick=0.4)
