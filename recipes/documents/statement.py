"""Statements of account: bank, credit card, savings and securities accounts."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

from recipes.documents import marks
from recipes.documents.content import Content
from recipes.documents.form_values import mask
from recipes.documents.layout import Layout
from recipes.documents.sheet import A4, LETTER, Sheet
from recipes.documents.statement_table import holdings, transactions
from recipes.documents.wording import caption, variants
from recipes.documents.writer import Pair, Writer

__all__ = ["draw"]

SORTS = (
    "account", "account", "account", "card", "account", "savings", "card", "portfolio", "account",
    "portfolio",
)  # fmt: skip
NUMBERS = ("##########", "#### ######", "###-######-#", "## ## ####", "########", "###.###.###",
           "#### #### ##", "##-##-## ########")  # fmt: skip


@dataclass
class Account:
    """What a statement is about.

    Args:
        sort: "account", "card", "savings" or "portfolio".
        bank: its name.
        bank_address: its lines.
        facts: the values of captions, by field.
        opening: the balance before the first row.
        first: the period's first day.
        last: the period's last day.
    """

    sort: str
    bank: str
    bank_address: list[str]
    holder: str
    address: list[str]
    opening: Decimal
    first: datetime.date
    last: datetime.date
    facts: dict[str, str] = field(default_factory=dict)


def _account(layout: Layout, sort: str, bank: list[str], content: Content) -> Account:
    """An account of somebody."""
    last = content.day(2015, 2027)
    days = layout.pick("length", (30, 30, 90, 28, 7, 31))
    first = last - datetime.timedelta(days=days)
    holder = content.company() if content.chance(0.25) else content.person()
    opening = Decimal(content.random.randint(2000 if sort == "card" else -80000, 900000)) / 100
    made = Account(sort, bank[0], bank[1:], holder, content.address(), opening, first, last)
    to = caption(layout, "statement", "to")
    cards = ("**** **** **** ####", "#### **** **** ####", "XXXX XXXX XXXX ####",
             "#### #### #### ####")  # fmt: skip
    made = Account(sort, bank[0], bank[1:], holder, content.address(), opening, first, last)
    to = caption(layout, "statement", "to")
    cards = ("**** **** **** ####", "#### **** **** ####", "XXXX XXXX XXXX ####",
             "#### #### #### ####")  # fmt: skip
    made.facts = {
        "bank": made.bank,
        "account_holder": holder,
        "account_number": content.digits(layout.pick("account number", NUMBERS)),
        "card_number": content.digits(layout.pick("card number", cards)),
        "iban": content.iban(),
        "bic": content.digits(f"????{content.country}##" + content.choose(("", "XXX", "???"))),
        "statement_number": str(content.random.randint(1, 90))
        + content.choose(("", f"/{last.year}")),
        "statement_date": content.date(last),
        "period": f"{content.date(first)} {to} {content.date(last)}",
        "currency": content.currency,
        "overdraft_limit": content.money(content.random.randint(1, 20) * 500),
        "interest_rate": f"{content.number(content.random.randint(1, 1900) / 100)} %",
        "branch": str(content.fake.city()),
        "contact_phone": content.phone(),
        "customer_number": content.digits("#########"),
        "credit_limit": content.money(content.random.randint(2, 30) * 500),
        "minimum_payment": content.money(content.random.randint(15, 90)),
        "due_date": content.date(last + datetime.timedelta(days=content.random.randint(8, 25))),
        "cash_balance": content.money(Decimal(content.random.randint(100, 900000)) / 100),
    }
    return made


def _pairs(layout: Layout, account: Account, keys: list[str]) -> list[Pair]:
    return [(key, caption(layout, "statement", key), account.facts[key]) for key in keys]


def _details(layout: Layout, account: Account) -> list[str]:
    """The facts that stand at the top of this layout's statements."""
    keys = ["account_number", "statement_date", "period"]
    if layout.language == "en" and layout.chance("no iban", 0.6):
        keys = ["account_number", "statement_date", "period"]
    elif layout.chance("iban only", 0.4):
        keys[0] = "iban"
    else:
        keys.insert(1, "iban")
    if account.sort == "card":
        keys = ["card_number", "statement_date", "period", "credit_limit", "due_date"]
        keys += ["minimum_payment"] if layout.chance("minimum", 0.6) else []
        keys += ["account_number"] if layout.chance("number", 0.3) else []
    extra = {"statement_number": 0.5, "currency": 0.3, "bic": 0.3, "customer_number": 0.25,
             "branch": 0.2, "overdraft_limit": 0.2, "interest_rate": 0.15, "account_holder": 0.35,
             "contact_phone": 0.15}  # fmt: skip
    keys += [key for key, share in extra.items() if layout.chance(f"has {key}", share)]
    order = layout.random("order of details")
    if layout.chance("shuffled details", 0.6):
        order.shuffle(keys)
    return keys


# -- the top of the page ---------------------------------------------------------------------------


def _name(writer: Writer, account: Account, x: float, y: float, wide: float, align: str) -> float:
    """The bank's name, logo and address; returns the y below."""
    layout = writer.layout
    if layout.chance("logo", 0.55):
        at = {"left": x, "right": x - 110, "center": x - 55}[align]
        marks.logo(writer.sheet, layout, at, y - 6, at + 110, y + 30)
        y += 34
    scale = layout.between("size of bank", 1.1, 1.9)
    y += writer.size * scale
    colour = layout.accent
    writer.text(x, y, account.bank, bold=True, scale=scale, wide=wide, colour=colour,
                align=align, field="bank")  # type: ignore[arg-type]  # fmt: skip
    y += writer.size * 1.4
    if layout.chance("bank's address", 0.6):
        y = writer.lines(x, y, account.bank_address, wide, scale=0.8, align=align)  # type: ignore[arg-type]
    return y


def _holder(writer: Writer, account: Account, x: float, y: float, wide: float) -> float:
    """The holder's name and address, as in an envelope's window."""
    if writer.layout.chance("return line", 0.3):
        text = ", ".join([account.bank, *account.bank_address])
        writer.text(x, y - writer.size * 1.4, text, scale=0.65, wide=wide)
    with writer.sheet.block():
        writer.text(x, y, account.holder, wide=wide, field="account_holder", group=1)
        return writer.lines(x, y + writer.size * 1.3, account.address, wide,
                         field="account_holder_address")  # fmt: skip


def _title(writer: Writer, account: Account, x: float, y: float, wide: float) -> float:
    layout = writer.layout
    title = caption(layout, "statement", f"title:{account.sort}")
    if layout.chance("upper title", 0.2):
        title = title.upper()
    scale = layout.between("size of title", 1.3, 2.0)
    writer.text(x, y + writer.size * scale, title, bold=True, scale=scale, wide=wide)
    return y + writer.size * (scale + 0.9)


def _window(writer: Writer, account: Account, keys: list[str]) -> float:
    """Bank at the right, holder in the window, title, details below."""
    top, half = writer.layout.margin * 0.8, writer.wide / 2
    low = _name(writer, account, writer.right, top, half, "right")
    end = _holder(writer, account, writer.left, max(top + 70, low - 20), half * 0.85)
    y = _title(writer, account, writer.left, max(low, end) + writer.size * 1.5, writer.wide)
    return writer.pairs(writer.left, y + writer.size * 0.6,
                        _pairs(writer.layout, account, keys), writer.wide, "details")  # fmt: skip


def _side(writer: Writer, account: Account, keys: list[str]) -> float:
    """Bank and holder at the left, title and details in a column at the right."""
    top = writer.layout.margin * 0.8
    split = writer.left + writer.wide * writer.layout.between("split", 0.46, 0.56)
    low = _name(writer, account, writer.left, top, split - writer.left - 16, "left")
    end = _holder(writer, account, writer.left, max(low + writer.size * 2, top + 80),
                  split - writer.left - 16)  # fmt: skip
    y = _title(writer, account, split, top, writer.right - split)
    style = writer.layout.pick("side", ("aligned", "spread", "grid", "above", "inline", "right"))
    y = writer.pairs(split, y + writer.size * 0.6, _pairs(writer.layout, account, keys),
                     writer.right - split, "details", style=style)  # fmt: skip
    return max(y, end) + writer.size


def _banded(writer: Writer, account: Account, keys: list[str]) -> float:
    """A coloured band with bank and title; holder left, details right."""
    high = writer.size * 4.2
    writer.sheet.rect(0, 0, writer.sheet.width, high + 14, fill=writer.layout.accent, stroke=None)
    writer.text(writer.left, 14 + high * 0.55, account.bank, bold=True, scale=1.6,
                colour="#ffffff", wide=writer.wide * 0.5, field="bank")  # fmt: skip
    title = caption(writer.layout, "statement", f"title:{account.sort}")
    writer.text(writer.right, 14 + high * 0.55, title, colour="#ffffff", align="right", scale=1.2,
                wide=writer.wide * 0.45)  # fmt: skip
    y = high + 14 + writer.size * 3.2
    split = writer.left + writer.wide * 0.52
    end = _holder(writer, account, writer.left, y, writer.wide * 0.45)
    style = writer.layout.pick("side", ("spread", "aligned", "right", "grid", "leader", "above"))
    y = writer.pairs(split, y, _pairs(writer.layout, account, keys), writer.right - split,
                     "details", style=style)  # fmt: skip
    return max(y, end) + writer.size


def _plain(writer: Writer, account: Account, keys: list[str]) -> float:
    """No address: bank, title and details only, as from online banking."""
    top = writer.layout.margin * 0.8
    place = writer.layout.pick("place of bank", ("left", "center", "left", "right"))
    x = {"left": writer.left, "center": writer.sheet.width / 2, "right": writer.right}[place]
    y = _name(writer, account, x, top, writer.wide * 0.8, place)
    y = _title(writer, account, writer.left, y + writer.size, writer.wide)
    keys = keys if "account_holder" in keys else ["account_holder", *keys]
    return writer.pairs(writer.left, y + writer.size * 0.8, _pairs(writer.layout, account, keys),
                        writer.wide * writer.layout.pick("list width", (1.0, 0.6, 0.75, 1.0)),
                        "details")  # fmt: skip


def _cells(writer: Writer, account: Account, keys: list[str]) -> float:
    """A row of boxed details under the heads, as on printed slips."""
    top = writer.layout.margin * 0.8
    half = writer.wide / 2 - 10
    low = _name(writer, account, writer.left, top, half, "left")
    end = _holder(writer, account, writer.left + writer.wide / 2 + 10, top + 50, half)
    y = _title(writer, account, writer.left, low, half)
    return writer.pairs(writer.left, max(y, end) + writer.size * 2,
                        _pairs(writer.layout, account, keys), writer.wide, "details",
                        style=writer.layout.pick("boxed", ("cells", "strip")))  # fmt: skip


Top = Callable[[Writer, Account, list[str]], float]
TOPS: tuple[Top, ...] = (_window, _side, _banded, _side, _window, _plain, _cells, _plain)


# -- the balances ----------------------------------------------------------------------------------


def _summary(writer: Writer, pairs: list[Pair], y: float, name: str) -> float:
    """Balances and sums, in a list or in boxes."""
    wide = writer.wide * writer.layout.pick(f"{name} width", (1.0, 0.5, 0.55, 0.5))
    x = writer.left
    if wide < writer.wide and writer.layout.chance(f"{name} at the right", 0.5):
        x = writer.right - wide
    style = writer.layout.pick(
        f"{name} style", ("spread", "cells", "right", "leader", "grid", "strip", "aligned", "above")
    )
    if style in ("cells", "strip", "above"):
        x, wide = writer.left, writer.wide
    return writer.pairs(x, y, pairs, wide, name, style=style)


def draw(layout: Layout, seed: int) -> Sheet:
    """One statement, its first page."""
    us = layout.pick("locale", ("US", "GB", "US", "GB", "CA", "IE")) == "US"
    sheet = Sheet(LETTER if us and layout.language == "en" else A4)
    marks.none(sheet)
    sheet.facts.update(kind="bank statement", line_items=0, table=True, orientation="portrait")
    sort = layout.pick("sort", SORTS)
    house = Content(layout, -1)
    bank = [mask(house, "statement", "bank_name"), *house.address()[:2]]
    content = Content(layout, seed)
    account = _account(layout, sort, bank, content)
    writer = Writer(sheet, layout, min(layout.size, 9.6))
    y = layout.pick("arrangement", TOPS)(writer, account, _details(layout, account))
    y += writer.size * 0.6

    if sort == "portfolio":
        y, total = holdings(writer, content, y)
        account.facts["portfolio_value"] = content.money(total)
        keys = ["portfolio_value"] + (["cash_balance"] if layout.chance("cash", 0.5) else [])
        y = _summary(writer, _pairs(layout, account, keys), y + writer.size * 2, "balances")
    else:
        y = _movements(writer, account, content, y)
    _foot(writer, account, content, y)
    return sheet


def _movements(writer: Writer, account: Account, content: Content, y: float) -> float:
    """The balances and the table between or below them."""
    layout = writer.layout
    first = layout.chance("balances first", 0.5)
    room = writer.size * (6 if first else 13)
    table = transactions(content, account.sort, account.opening, account.first, account.last)
    account.facts["opening_balance"] = content.money(account.opening)
    account.facts["closing_balance"] = content.money(table.closing)
    account.facts["new_balance"] = content.money(table.closing)
    account.facts["total_credits"] = content.money(table.credits)
    account.facts["total_debits"] = content.money(table.debits)
    close = "new_balance" if account.sort == "card" else "closing_balance"
    keys = ["opening_balance", "total_credits", "total_debits", close]
    if layout.chance("balances only", 0.35):
        keys = ["opening_balance", close]
    elif layout.chance("debits first", 0.5):
        keys[1], keys[2] = keys[2], keys[1]
    inside = not first and layout.chance("balances in the table", 0.6)
    if first:
        # The rows are counted before they are drawn: the balances above must fit them.
        table.keep(writer, writer.bottom - room - y - writer.size * 9)
        account.facts |= {close: content.money(table.closing),
                          "total_credits": content.money(table.credits),
                          "total_debits": content.money(table.debits)}  # fmt: skip
        y = _summary(writer, _pairs(layout, account, keys), y + writer.size, "balances")
        return table.draw(writer, y + writer.size * 0.3, writer.bottom - writer.size * 4, None)
    table.keep(writer, writer.bottom - room - y)
    account.facts |= {close: content.money(table.closing),
                      "total_credits": content.money(table.credits),
                      "total_debits": content.money(table.debits)}  # fmt: skip
    if inside:
        ends = [(key, caption(layout, "statement", key)) for key in ("opening_balance", close)]
        return table.draw(writer, y, writer.bottom, ends)
    y = table.draw(writer, y, writer.bottom - writer.size * 10, None)
    return _summary(writer, _pairs(layout, account, keys), y + writer.size * 1.8, "balances")


def _foot(writer: Writer, account: Account, content: Content, y: float) -> None:
    """Notes, a slip to cut off, the page's number, rarely a mark."""
    layout, size = writer.layout, writer.size
    notes = list(variants(layout, "statement", "note"))
    layout.random("notes").shuffle(notes)
    slip = account.sort == "card" and layout.chance("slip", 0.4)
    if slip and y + size * 12 < writer.bottom:
        top = writer.bottom - size * 9
        writer.sheet.rule(writer.left, top, writer.right, top, dash=(4, 3))
        writer.text(writer.left, top + size * 1.4, caption(layout, "statement", "pay_slip"),
                    scale=0.85)  # fmt: skip
        keys = ["due_date", "minimum_payment"]
        writer.pairs(writer.left, top + size * 3.6, _pairs(layout, account, keys),
                     writer.wide * 0.6, "slip", style="aligned", group=1)  # fmt: skip
    elif layout.chance("notes", 0.7) and y + size * 6 < writer.bottom:
        at = writer.bottom - size * 3.4 if layout.chance("notes at the foot", 0.6) else y + size * 2
        writer.paragraph(writer.left, at, " ".join(notes[: layout.pick("count", (1, 2, 3))]),
                         writer.wide, scale=0.8, colour="#333333")  # fmt: skip
    low = writer.sheet.height - min(22, layout.margin * 0.5)
    if layout.chance("page number", 0.7):
        at_left = layout.chance("page at the left", 0.3)
        writer.text(writer.left if at_left else writer.right, low,
                    caption(layout, "statement", "page"), scale=0.8,
                    align="left" if at_left else "right")  # fmt: skip
    if content.chance(0.07):
        marks.stamp(writer.sheet, content, writer.right - 90, writer.bottom - 120, 34)
    if content.chance(0.12):
        marks.signature(writer.sheet, content, writer.left, writer.bottom - 60,
                        writer.left + 120, writer.bottom - 25)  # fmt: skip
    if content.chance(0.1):
        marks.barcode(writer.sheet, content, writer.right - 130, low - 40, writer.right, low - 14)
    if content.chance(0.08):
        text = content.choose(("ok", "!", "?", content.date(account.last)))
        marks.handwriting(writer.sheet, content, writer.right - 130, writer.layout.margin * 0.7,
                          text, 15)  # fmt: skip
