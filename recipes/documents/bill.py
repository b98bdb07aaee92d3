"""What an invoice or a receipt says: parties, numbers, dates, rows, and amounts that add up."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal

from recipes.documents.content import Content
from recipes.documents.layout import Layout
from recipes.documents.wording import caption, sections, variants

__all__ = ["STEADY", "Bill", "Party", "Row", "Totals", "cents", "make_rows", "totals"]

CENT = Decimal("0.01")
NO_VALUE_ADDED_TAX = ("US", "CA")
STEADY = ("utility", "phone", "hotel")
"""Styles of bills whose positions are always worded alike."""
COLOURS = {
    "en": ("blue", "white", "grey", "red"), "de": ("blau", "weiß", "grau", "rot"),
    "fr": ("bleu", "blanc", "gris", "rouge"), "es": ("azul", "blanco", "gris", "rojo"),
    "it": ("blu", "bianco", "grigio", "rosso"),
}  # fmt: skip
SIZES = (
    "S",
    "M",
    "L",
    "XL",
    "10 mm",
    "25 mm",
    "500 g",
    "1 kg",
    "2 m",
    "40 x 60 cm",
    "230 V",
    "IP65",
)


def cents(amount: Decimal) -> Decimal:
    """Rounded to whole cents, halves up."""
    return amount.quantize(CENT, rounding=ROUND_HALF_UP)


@dataclass(frozen=True)
class Row:
    """A position. `amount` is quantity times price, less `discount` percent."""

    code: str
    description: str
    quantity: Decimal
    unit: str
    price: Decimal
    discount: int
    rate: Decimal
    amount: Decimal
    day: datetime.date


@dataclass(frozen=True)
class Totals:
    """The sums. Always net + taxes = total; and the rows, less `reduction`, plus `shipping`, are
    the total where `inclusive`, else the net amount. `taxes` has (rate, net, tax) for each rate."""

    rows: Decimal
    reduction: Decimal
    shipping: Decimal
    net: Decimal
    taxes: tuple[tuple[Decimal, Decimal, Decimal], ...]
    total: Decimal
    inclusive: bool

    @property
    def tax(self) -> Decimal:
        """All taxes together."""
        return sum((tax for _, _, tax in self.taxes), Decimal(0))


def totals(
    rows: Sequence[Row],
    *,
    inclusive: bool = False,
    taxed: bool = True,
    reduction: Decimal = Decimal(0),
    shipping: Decimal = Decimal(0),
) -> Totals:
    """Adds up. `reduction` and `shipping` are taxed at the first row's rate."""
    by_rate: dict[Decimal, Decimal] = {}
    for row in rows:
        by_rate[row.rate] = by_rate.get(row.rate, Decimal(0)) + row.amount
    whole = sum(by_rate.values(), Decimal(0))
    by_rate[rows[0].rate] += shipping - reduction
    if not taxed:
        net = whole - reduction + shipping
        return Totals(whole, reduction, shipping, net, (), net, inclusive)
    taxes = []
    for rate in sorted(by_rate, reverse=True):
        amount = by_rate[rate]
        base = cents(amount / (1 + rate / 100)) if inclusive else amount
        taxes.append((rate, base, amount - base if inclusive else cents(amount * rate / 100)))
    net = sum((base for _, base, _ in taxes), Decimal(0))
    total = net + sum((tax for _, _, tax in taxes), Decimal(0))
    return Totals(whole, reduction, shipping, net, tuple(taxes), total, inclusive)


def _description(content: Content, item: str) -> str:
    """An item's name, at times with what makes it special, or other words altogether."""
    if content.chance(0.12):
        words = content.words.words(content.random.randint(1, 5))
        item = " ".join(map(str, words)).capitalize()
    if content.chance(0.25):
        mark = content.choose(
            (
                content.digits("??-###"),
                content.digits("#####"),
                content.choose(COLOURS[content.language]),
                content.choose(SIZES),
                content.fake.last_name(),
            )
        )
        item = f"{item} {content.choose(('{}', '- {}', '({})', '{}', ', {}'))}".format(mark)
    return item.replace(" ,", ",")


def _carried(content: Content, unit: str) -> Decimal:
    """How much a person buys in a shop."""
    if unit == "kg":
        return Decimal(content.random.randint(120, 2600)) / 1000
    if unit == "l":
        return Decimal(content.random.randint(500, 6500)) / 100
    return Decimal(content.choose((1, 1, 1, 1, 1, 1, 2, 2, 2, 3, 4, 6)))


def _quantity(content: Content, unit: str, price: Decimal) -> Decimal:
    if unit in ("flat", "mo", "set") and content.chance(0.85):
        return Decimal(1)
    if unit in ("h", "day", "m", "m2") and content.chance(0.4):
        return Decimal(content.random.randint(1, 90)) / content.choose((2, 4, 2, 10))
    if unit in ("kg", "l"):
        return Decimal(content.random.randint(110, 9000)) / content.choose((1000, 100, 1000))
    if unit in ("kWh", "m3", "word", "km", "min"):
        return Decimal(content.random.randint(12, 3800))
    most = 3 if price > 300 else 24 if price > 15 else 250 if price < 1 else 60
    return Decimal(max(1, int(content.random.triangular(1, most, 1))))


def make_rows(
    content: Content,
    theme: str,
    count: int,
    *,
    day: datetime.date,
    quantities: bool = True,
    discounts: bool = False,
    rates: Sequence[Decimal] = (Decimal(0),),
) -> list[Row]:
    """The positions of a bill.

    Args:
        content: of the document.
        theme: a section of words/goods.txt.
        count: how many at most.
        day: the last day of service.
        quantities: False for one of each.
        discounts: with a discount on some rows.
        rates: of tax, in percent; the first one is the usual one.
    """
    items = list(variants(content.layout, "goods", theme))
    content.random.shuffle(items)
    pattern = content.layout.pick(
        "code pattern",
        ("#####", "??-####", "####.##", "######", "?###", "###-###", "?? ###", "#-##"),
    )
    rows = []
    steady = theme.removeprefix("goods:") in STEADY
    for at in range(count):
        name, price, unit = items[at % len(items)].rsplit(" ", 2)
        each = Decimal(price) * Decimal(str(round(content.random.uniform(0.6, 1.7), 3)))
        # Large prices are seldom odd ones.
        each = cents(each) if each < 40 or content.chance(0.4) else Decimal(round(each))
        each = max(each, CENT)
        quantity = Decimal(1)
        if theme.startswith("shop:"):
            quantity = _carried(content, unit)
        elif quantities:
            quantity = _quantity(content, unit, each)
        discount = content.choose((0, 0, 5, 10, 15, 20)) if discounts else 0
        amount = max(CENT, cents(quantity * each * (100 - discount) / 100))
        rows.append(
            Row(
                content.digits(pattern),
                name if steady else _description(content, name),
                quantity,
                unit,
                each,
                discount,
                content.choose((rates[0], *rates)),
                amount,
                day - datetime.timedelta((count - at) * content.random.randint(1, 2)),
            )
        )
    return rows


@dataclass
class Party:
    """Who sells, who buys, or where the goods go."""

    name: str
    address: list[str]
    person: str
    tax_id: str
    phone: str
    email: str


def party(content: Content, private: float = 0.2) -> Party:
    """A company, or with a probability a person."""
    person = content.person()
    name = person if content.chance(private) else content.company()
    return Party(
        name, content.address(), person, content.tax_id(), content.phone(), content.email()
    )


@dataclass
class Bill:
    """All that an invoice says, drawn from the layout (what is stated) and the content (what)."""

    layout: Layout
    content: Content
    most: int
    rows: list[Row] = field(init=False)

    def __post_init__(self) -> None:
        layout, content = self.layout, self.content
        styles = (
            "invoice", "invoice", "invoice", "invoice", "fee", "utility", "hotel", "proforma",
            "invoice", "phone", "credit", "invoice", "invoice", "invoice", "invoice", "fee",
        )  # fmt: skip
        # Styles differ in their rows only, so none is held out.
        self.style = layout.random("style").choice(styles)
        if content.chance(0.06):
            content.currency = content.choose(("USD", "EUR", "GBP"))
        self.seller = party(content, 0.5 if self.style == "fee" else 0.04)
        self.buyer = party(content, 0.75 if self.style in STEADY else 0.2)
        self.delivery = party(content, 0.3)
        if content.chance(0.4):
            self.delivery.name = self.buyer.name
        self.day = content.day()
        self.days = content.choose((7, 10, 14, 15, 20, 30, 30, 30, 45, 60))
        self.due = self.day + datetime.timedelta(self.days)
        self.number = self._number("invoice", content.day(self.day.year, self.day.year))
        self.order = self._number("order", self.day)
        self.taxed = not layout.chance("no tax", 0.3 if self.style == "fee" else 0.1)
        self.inclusive = self.taxed and layout.chance(
            "prices include tax", 0.45 if self.style == "hotel" else 0.12
        )
        self._fill()

    def _number(self, name: str, day: datetime.date) -> str:
        """An invoice's or order's number in the layout's form."""
        patterns = (
            "#####", "INV-####", "{y}-####", "######", "{y}/###", "?##-#####", "{ym}####",
            "R-#####", "########", "#### ####", "???{y}###", "{y}.##.###", "#/{y}", "?#?####?",
        )  # fmt: skip
        pattern = self.layout.pick(f"{name} number", patterns)
        if pattern.startswith("INV") and self.layout.language != "en":
            pattern = self.layout.pick("prefix", ("RE-####", "F####", "FA-#####", "FT/####"))
        dated = pattern.replace("{ym}", day.strftime("%y%m")).replace("{y}", str(day.year))
        return self.content.digits(dated)

    def _fill(self) -> None:
        layout, content, style = self.layout, self.content, self.style
        if style in STEADY:
            theme = f"goods:{style}"
        else:
            goods = [key for key in sections("goods") if key.startswith("goods:")][:7]
            theme = content.choose(("goods:creative", "goods:it") if style == "fee" else goods)
        rates = [content.tax_rate()] if self.taxed else [Decimal(0)]
        country = content.country
        if self.taxed and country not in NO_VALUE_ADDED_TAX and layout.chance("rates", 0.2):
            rates.append(content.tax_rate())
        self.quantities = style in ("utility", "hotel") or layout.chance("quantities", 0.88)
        self.discounts = self.quantities and layout.chance("row discounts", 0.1)
        count = min(self.most, content.choose((1, 1, 2, 2, 3, 3, 4, 5, 6, 7, 8, 10, 12, 14, 18)))
        self.rows = make_rows(
            content,
            theme,
            min(count, 9) if theme != "goods:office" else count,
            day=self.day,
            quantities=self.quantities,
            discounts=self.discounts,
            rates=rates,
        )
        whole = sum((row.amount for row in self.rows), Decimal(0))
        reduction = shipping = Decimal(0)
        if layout.chance("reduction", 0.15) and content.chance(0.75):
            reduction = cents(whole * content.choose((2, 3, 5, 10)) / 100)
        if layout.chance("shipping", 0.18) and style in ("invoice", "proforma"):
            shipping = cents(Decimal(content.choose(("4.9", "6.95", "12", "15", "25", "85"))))
        self.totals = totals(
            self.rows,
            inclusive=self.inclusive,
            taxed=self.taxed,
            reduction=reduction,
            shipping=shipping,
        )
        self.paid = Decimal(0)
        if layout.chance("paid", 0.12) and content.chance(0.7):
            share = content.choose(("1", "0.5", "0.3", "0.2"))
            self.paid = cents(self.totals.total * Decimal(share))

    def unit(self, unit: str) -> str:
        """The layout's name of a unit."""
        known = f"unit:{unit}"
        return caption(self.layout, "bill_text", known) if known in sections("bill_text") else unit
