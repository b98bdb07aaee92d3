"""The values that a bill states beside its rows: numbers, dates, ids, the bank's account."""

from __future__ import annotations

import datetime

from recipes.documents.pen import Entry, Pen
from recipes.documents.wording import caption

__all__ = ["account", "contacts", "ids", "statements", "take"]


def _text(pen: Pen, key: str) -> str:
    text = caption(pen.layout, "bill_text", key)
    return text.upper() if pen.upper else text


def statements(pen: Pen) -> list[Entry]:
    """Number, date and all else that stands near the title, in the layout's order."""
    layout, content, bill = pen.layout, pen.content, pen.bill
    day = bill.day

    def date(shift: int) -> str:
        return content.date(day + datetime.timedelta(shift))

    number = "credit_number" if bill.style == "credit" else "invoice_number"
    first = [
        Entry("invoice_number", pen.words(number), bill.number),
        Entry("invoice_date", pen.words("invoice_date"), content.date(day)),
    ]
    if layout.chance("date first", 0.2):
        first.reverse()
    rest: list[Entry] = []

    def add(field: str, key: str, text: str, likely: float, here: float = 1.0) -> None:
        # Both are drawn always, so that the document's other values do not depend on them.
        seen = content.chance(here)
        if layout.chance(f"states {key}", likely) and seen:
            rest.append(Entry(field, pen.words(key), text))

    early, late = content.random.randint(1, 20), content.random.randint(0, 5)
    add("due_date", "due_date", content.date(bill.due), 0.65, 0.95)
    add("order_number", "order_number", bill.order, 0.5, 0.85)
    add("x_customer_number", "customer_number", content.digits("#####"), 0.5, 0.95)
    add("x_delivery_date", "delivery_date", date(-late), 0.3, 0.9)
    add("x_delivery_note", "delivery_note", content.digits("######"), 0.12)
    add("x_contact", "contact", content.person(), 0.2)
    add("x_terms", "terms", pen.sentence("terms"), 0.3)
    add("x_project", "project", f"{content.fake.last_name()} {content.digits('##')}", 0.15)
    add("currency", "currency", content.currency, 0.16)
    likely = 0.9 if bill.style in ("utility", "phone") else 0.12
    add("x_period", "period", f"{date(-30 - early)} - {date(-early)}", likely)
    if bill.buyer.name != bill.buyer.person:
        add("x_buyer_tax_id", "buyer_tax_id", bill.buyer.tax_id, 0.2, 0.9)
    if bill.style == "credit":
        rest.append(Entry("x_original", pen.words("original"), content.digits("######")))
    if bill.style == "hotel":
        rest += [
            Entry("x_room", _text(pen, "room"), content.digits("###")),
            Entry("x_arrival", _text(pen, "arrival"), date(-len(bill.rows))),
            Entry("x_departure", _text(pen, "departure"), date(0)),
        ]
    if bill.style == "utility":
        rest.append(Entry("x_meter", _text(pen, "meter"), content.digits("## ### ###")))
    if bill.style == "phone":
        rest.append(Entry("x_line", _text(pen, "line_no"), content.phone()))
    layout.random("order of statements").shuffle(rest)
    everything = first + rest
    if layout.chance("number anywhere", 0.25):
        layout.random("any order").shuffle(everything)
    return everything


def take(entries: list[Entry], field: str) -> Entry | None:
    """Removes an entry from a list and returns it; None where there is none."""
    for entry in entries:
        if entry.field == field:
            entries.remove(entry)
            return entry
    return None


def ids(pen: Pen) -> list[Entry]:
    """The seller's tax number and registration."""
    layout, content = pen.layout, pen.content
    found = []
    if layout.chance("tax id", 0.85):
        found.append(Entry("tax_id", pen.words("tax_id"), pen.bill.seller.tax_id))
    if content.country in ("DE", "AT") and layout.chance("tax number", 0.5):
        number = content.digits("##/###/#####")
        found.append(Entry("tax_id", pen.words("tax_number"), number))
    if layout.chance("registration", 0.35):
        number = content.digits("### ### ###" if content.country == "FR" else "#######")
        found.append(Entry("x_registration", pen.words("registration"), number))
    return found


def contacts(pen: Pen) -> list[Entry]:
    """The seller's telephone and other ways to reach it."""
    layout, content, seller = pen.layout, pen.content, pen.bill.seller
    found = []
    if layout.chance("phone", 0.7):
        found.append(Entry("x_phone", pen.words("phone"), seller.phone))
    if layout.chance("fax", 0.25):
        found.append(Entry("x_fax", pen.words("fax"), content.phone()))
    if layout.chance("email", 0.55):
        found.append(Entry("x_email", pen.words("email"), seller.email))
    return found


def account(pen: Pen) -> list[Entry]:
    """Where to pay: often an IBAN, in America a number of an account."""
    layout, content, bill = pen.layout, pen.content, pen.bill
    found = []
    likely = {"US": 0.25, "CA": 0.25, "MX": 0.25, "GB": 0.65}.get(content.country, 0.92)
    bank = f"{content.fake.city()} {content.choose(('Bank', 'Bank', 'Credit', 'Banca', 'Savings'))}"
    if layout.chance("bank", 0.7):
        found.append(Entry("x_bank", pen.words("bank"), bank))
    if layout.chance("holder", 0.3):
        found.append(Entry("x_holder", pen.words("holder"), bill.seller.name))
    if layout.chance("iban", likely):
        found.append(Entry("iban", pen.words("iban"), content.iban()))
        if layout.chance("bic", 0.7):
            bic = content.digits("????") + content.country + content.digits("??")
            found.append(Entry("x_bic", pen.words("bic"), bic))
        if layout.chance("second account", 0.1):
            found.append(Entry("iban", pen.words("iban"), content.iban()))
    else:
        found.append(Entry("x_account", pen.words("account"), content.digits("########")))
    return found
