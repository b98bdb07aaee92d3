"""The tables of statements: transactions with running balances, and securities."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from decimal import Decimal

from recipes.documents.content import Content
from recipes.documents.wording import caption, listed, variants
from recipes.documents.writer import Column, Writer

__all__ = ["Transactions", "holdings", "transactions"]

SHAPES = (
    ("date", "text", "debit", "credit"),
    ("date", "text", "amount", "balance"),
    ("date", "value_date", "text", "debit", "credit"),
    ("date", "text", "amount"),
    ("date", "text", "debit", "credit", "balance"),
    ("date", "value_date", "text", "amount"),
    ("text", "date", "amount", "balance"),
    ("value_date", "date", "text", "credit", "debit", "balance"),
)
SHARES = {"date": 1.5, "value_date": 1.4, "text": 5.5, "debit": 1.7, "credit": 1.7, "amount": 1.8,
          "balance": 1.9}  # fmt: skip


@dataclass
class Transaction:
    """One row: when, what, and how much (negative for what goes out)."""

    day: datetime.date
    text: str
    amount: Decimal


class Transactions:
    """Some rows after an opening balance, in order of time.

    What is `owed` (on a credit card) grows with what goes out.
    """

    def __init__(
        self, content: Content, opening: Decimal, rows: list[Transaction], owed: bool
    ) -> None:
        self.content, self.opening, self.rows, self.owed = content, opening, rows, owed
        self._done = 0

    @property
    def credits(self) -> Decimal:
        """The sum of what comes in."""
        return sum((row.amount for row in self.rows if row.amount > 0), Decimal(0))

    @property
    def debits(self) -> Decimal:
        """The sum of what goes out, without its sign."""
        return -sum((row.amount for row in self.rows if row.amount < 0), Decimal(0))

    @property
    def closing(self) -> Decimal:
        """The balance after the last row."""
        change = self.credits - self.debits
        return self.opening - change if self.owed else self.opening + change

    def _high(self, writer: Writer) -> float:
        return writer.size * writer.layout.between("pitch of transactions", 1.5, 2.0)

    def keep(self, writer: Writer, room: float) -> None:
        """Leave out the last rows that may have no room."""
        high = self._high(writer) + writer.size * 0.75
        del self.rows[max(2, int(room / high) - 2) :]

    def draw(
        self, writer: Writer, y: float, lowest: float, ends: list[tuple[str, str]] | None
    ) -> float:
        """The table from the top edge `y` on; `ends` are the captions of the balances that stand in
        it, first and last. Returns its bottom edge."""
        layout = writer.layout
        if not ends and layout.chance("credits and debits apart", 0.12):
            return self._apart(writer, y, lowest)
        return self._one(writer, y, lowest, self.rows, layout.pick("shape", SHAPES), ends)

    def _apart(self, writer: Writer, y: float, lowest: float) -> float:
        """What comes in and what goes out in tables of their own."""
        for key, incoming in (("total_credits", True), ("total_debits", False)):
            rows = [row for row in self.rows if (row.amount > 0) == incoming]
            if rows and y + writer.size * 7 < lowest:
                y += writer.size * 1.6
                label = caption(writer.layout, "statement", key)
                writer.text(writer.left, y, label, bold=True, scale=1.15)
                rows = [Transaction(row.day, row.text, abs(row.amount)) for row in rows]
                y = self._one(writer, y + writer.size * 0.6, lowest, rows,
                              ("date", "text", "amount"), None)  # fmt: skip
        return y

    def _one(
        self,
        writer: Writer,
        y: float,
        lowest: float,
        rows: list[Transaction],
        shape: tuple[str, ...],
        ends: list[tuple[str, str]] | None,
    ) -> float:
        layout, content = writer.layout, self.content
        signed = layout.pick("signs", ("minus", "plus", "after", "letters", "letters en", "dr"))
        columns = []
        for key in shape:
            name = "text" if key == "text" else key
            columns.append(
                Column(
                    caption(layout, "statement", f"column:{key}"),
                    SHARES[key],
                    "right" if key in ("debit", "credit", "amount", "balance") else "left",
                    {"value_date": None}.get(key, f"transaction_{name}"),
                )
            )
        balance = self.opening
        lines: list[list[str]] = []
        for row in rows:
            balance += -row.amount if self.owed else row.amount
            cells = {
                "date": content.date(row.day, "row date"),
                "value_date": content.date(row.day + datetime.timedelta(days=1), "row date"),
                "text": row.text,
                "debit": content.number(-row.amount) if row.amount < 0 else "",
                "credit": content.number(row.amount) if row.amount > 0 else "",
                "amount": _signed(content, row.amount, signed),
                "balance": content.number(balance),
            }
            lines.append([cells[key] for key in shape])
        if ends:
            base = y + writer.size * 1.1
            self._balance(writer, base, ends[0], self.opening)
            y = base + writer.size * 0.9
        wide = writer.wide
        y, done = writer.table(writer.left, y, columns, lines, wide, "transactions", lowest=lowest,
                               pitch=self._high(writer), first=self._done)  # fmt: skip
        self._done += done
        if ends:
            y += writer.size * 1.5
            self._balance(writer, y, ends[1], self.closing)
        return y

    def _balance(self, writer: Writer, y: float, end: tuple[str, str], amount: Decimal) -> None:
        """A balance before or after the rows, in line with the last column."""
        key, label = end
        writer.text(writer.left + writer.size * 0.4, y, writer.captioned(label), bold=True,
                    wide=writer.wide * 0.6)  # fmt: skip
        writer.text(writer.right - writer.size * 0.4, y, self.content.money(amount), bold=True,
                    align="right", wide=writer.wide * 0.35, field=key)  # fmt: skip
        writer.sheet.captions[key, 0] = label


def _signed(content: Content, amount: Decimal, style: str) -> str:
    number = content.number(abs(amount))
    out = amount < 0
    if style == "plus":
        return f"{'-' if out else '+'}{number}"
    if style == "after":
        return f"{number}{'-' if out else '+'}"
    if style == "letters":
        letters = {"de": "SH", "en": "DC", "fr": "DC", "es": "DH", "it": "DA"}[content.language]
        return f"{number} {letters[0 if out else 1]}"
    if style == "letters en":
        return f"{number}-" if out else number
    if style == "dr":
        return f"({number})" if out else number
    return f"-{number}" if out else number


def _filled(content: Content, pattern: str) -> str:
    """A pattern with its names and numbers."""
    for mark in ("company", "city", "person", "name", "n"):
        if f"{{{mark}}}" in pattern:
            value = {
                "company": content.company,
                "city": lambda: str(content.fake.city()),
                "person": content.person,
                "name": lambda: str(content.fake.last_name()),
                "n": lambda: content.digits("########"),
            }[mark]()
            pattern = pattern.replace(f"{{{mark}}}", value)
    return pattern


def transactions(
    content: Content, sort: str, opening: Decimal, first: datetime.date, last: datetime.date
) -> Transactions:
    """The rows of an account, at most as many as a page may hold."""
    layout = content.layout
    count = content.random.randint(4, layout.random("most rows").choice((10, 20, 30, 36)))
    if sort == "savings":
        count = min(count, 8)
    spread = (last - first).days
    days = sorted(content.random.randint(0, spread) for _ in range(count))
    upper = layout.chance("upper case rows", 0.25)
    rows = []
    for day in days:
        comes_in = content.chance(0.6 if sort == "savings" else 0.1 if sort == "card" else 0.25)
        key = "in" if comes_in else "card_out" if sort == "card" else "out"
        text = _filled(content, content.choose(variants(layout, "statement", key)))
        if layout.chance("references", 0.35):
            text += " " + content.digits(layout.pick("row reference", ("REF ######", "??######",
                                                     "##########", "TRN ####-####")))  # fmt: skip
        cents = content.random.randint(150, 30000) if content.chance(0.7) else (
            content.random.randint(30000, 380000))  # fmt: skip
        amount = Decimal(cents) / 100
        rows.append(Transaction(first + datetime.timedelta(days=day),
                                text.upper() if upper else text,
                                amount if comes_in else -amount))  # fmt: skip
    return Transactions(content, opening, rows, sort == "card")


def holdings(writer: Writer, content: Content, y: float) -> tuple[float, Decimal]:
    """A table of securities; returns its bottom edge and the sum of their values."""
    layout = writer.layout
    heads = listed(layout, "statement", "columns:portfolio")
    keys = ("security", "isin", "quantity", "price", "value")
    shares = (4.2, 2.4, 1.4, 1.6, 2.0)
    order = list(range(5))
    if layout.chance("quantity first", 0.3):
        order = [2, 0, 1, 3, 4]
    columns = [
        Column(heads[at], shares[at], "right" if at > 1 else "left", f"holding_{keys[at]}")
        for at in order
    ]
    total, rows = Decimal(0), []
    names = list(variants(layout, "statement", "securities"))
    content.random.shuffle(names)
    for name in names[: content.random.randint(2, len(names))]:
        units = content.random.randint(3, 900)
        price = Decimal(content.random.randint(300, 40000)) / 100
        total += units * price
        isin = content.digits(f"{content.choose(('US', 'DE', 'LU', 'IE', 'FR'))}##########")
        row = [_filled(content, name), isin, content.number(units, 0), content.number(price),
               content.number(units * price)]  # fmt: skip
        rows.append([row[at] for at in order])
    low, _ = writer.table(writer.left, y, columns, rows, writer.wide, "holdings",
                          lowest=writer.bottom - writer.size * 8)  # fmt: skip
    return low, total
