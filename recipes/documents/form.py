"""Forms: applications, registrations, claims, tax returns, orders, questionnaires."""

from __future__ import annotations

from collections.abc import Callable

from recipes.documents import marks
from recipes.documents.content import Content
from recipes.documents.form_parts import Parts
from recipes.documents.form_rows import CELLS, Filling, Rows
from recipes.documents.form_values import mask
from recipes.documents.layout import Layout
from recipes.documents.sheet import A4, LETTER, Sheet
from recipes.documents.writer import Writer

__all__ = ["SUBJECTS", "draw"]

A5 = (420.0, 595.0)
PERSON = "last_name first_name date_of_birth sex place_of_birth nationality"
ADDRESS = "street postal_code city phone mobile email"
BANK = "account_holder bank_name iban bic"

# The office that a form comes from, and its sections with their fields. A dash is a part that is
# no list of fields.
SUBJECTS: dict[str, tuple[str, tuple[tuple[str, str], ...]]] = {
    "membership": ("club", (
        ("person", PERSON + " occupation"), ("address", ADDRESS),
        ("event", "membership_type payment_frequency start_date fee"),
        ("bank", BANK + " mandate_reference"))),
    "patient": ("clinic", (
        ("person", PERSON + " marital_status occupation social_security_number"),
        ("address", ADDRESS + " emergency_contact emergency_phone"),
        ("health", "insurer insurance_number physician blood_type height weight smoker allergies "
                   "medication previous_illnesses"))),
    "claim": ("insurer", (
        ("person", "full_name policy_number claim_number customer_number"), ("address", ADDRESS),
        ("event", "date_of_loss time_of_loss place_of_loss police_report witness estimated_damage "
                  "damage_description"),
        ("vehicle", "licence_plate vehicle_make first_registration mileage"), ("bank", BANK))),
    "tax": ("office", (
        ("person", "tax_year tax_office tax_number last_name first_name date_of_birth "
                   "marital_status occupation number_of_children"),
        ("address", "street postal_code city"), ("income", "-"), ("bank", "account_holder iban"))),
    "school": ("school", (
        ("person", "pupil_name class date_of_birth place_of_birth nationality sex school"),
        ("address", "guardian street postal_code city phone mobile email"),
        ("event", "school_bus emergency_contact emergency_phone allergies comments"))),
    "job": ("company", (
        ("event", "position available_from desired_salary"),
        ("person", PERSON + " marital_status number_of_children"), ("address", ADDRESS),
        ("work", "education driving_licence employer occupation notice_period comments"))),
    "customs": ("post", (
        ("person", "sender address phone"), ("address", "recipient recipient_address country"),
        ("event", "category contents net_weight declared_value origin tariff_number "
                  "order_number reference"))),
    "order": ("company", (
        ("person", "full_name customer_number street postal_code city phone email"),
        ("table", "-"), ("bank", "payment_frequency account_holder iban comments"))),
    "mandate": ("company", (
        ("event", "mandate_reference creditor_id customer_number reference"),
        ("person", "full_name date_of_birth id_number street postal_code city country email"),
        ("bank", BANK + " payment_frequency start_date"))),
    "move": ("office", (
        ("person", PERSON + " birth_name marital_status id_number"),
        ("address", "old_address address move_in_date household landlord phone email"))),
    "event": ("club", (
        ("event", "event event_date participants meal arrival departure fee"),
        ("person", "full_name employer occupation street postal_code city country phone email"),
        ("bank", BANK + " comments"))),
    "survey": ("company", (
        ("event", "visit_date age_group sex city"), ("rating", "-"),
        ("person", "recommend comments full_name email phone"))),
    "vehicle": ("office", (
        ("person", PERSON + " id_number"), ("address", ADDRESS),
        ("vehicle", "licence_plate vehicle_make vehicle_id first_registration mileage fuel insurer "
                    "policy_number"))),
    "rental": ("company", (
        ("person", PERSON + " marital_status"), ("address", "address phone email landlord rent"),
        ("work", "occupation employer net_income"),
        ("event", "household number_of_children pets move_in_date comments"))),
    "leave": ("company", (
        ("person", "full_name personnel_number department supervisor"),
        ("event", "leave_type leave_from leave_to number_of_days comments"))),
    "travel": ("company", (
        ("person", "full_name personnel_number department reference"),
        ("event", "destination arrival departure purpose advance"), ("table", "-"),
        ("bank", "iban bic"))),
    "return": ("company", (
        ("person", "full_name customer_number street postal_code city phone email"),
        ("event", "order_number product serial_number purchase_date dealer declared_value "
                  "defect"))),
}  # fmt: skip
SMALL = ("leave", "customs", "return", "survey", "event")

Section = tuple[str, list[str]]
Arrangement = Callable[[Parts, list[Section], float, float], float]


def _chosen(layout: Layout, sections: tuple[tuple[str, str], ...]) -> list[Section]:
    """The layout's selection of a subject's fields."""
    chosen: list[Section] = []
    whole = layout.chance("one name", 0.35)
    short = layout.chance("address on one line", 0.15)
    for name, keys in sections:
        kept = []
        for key in keys.split():
            if (whole and key == "first_name") or (short and key in ("postal_code", "city")):
                continue
            if whole and key == "last_name":
                key = "full_name"
            if short and key == "street":
                key = "address"
            if key == "-" or len(keys.split()) < 4 or layout.chance(f"has {key}", 0.82):
                kept.append(key)
        if kept:
            chosen.append((name, kept))
    return chosen


def _fields(
    parts: Parts, section: Section, x: float, y: float, wide: float, columns: int, lowest: float,
    headed: bool = True,
) -> float:  # fmt: skip
    """One section of fields; what has no room is left out."""
    name, keys = section
    rows = parts.rows.widths(keys, columns)
    if y + parts.size * 2.5 + parts.rows.height(rows[0]) > lowest:
        return y
    if headed:
        y = parts.heading(x, y, wide, name)
    top = y
    if parts.rows.cell == "tinted":
        high = sum(parts.rows.height(row) for row in rows) + parts.size
        tint = parts.layout.pick("tint", ("#e3ecf3", "#f6ead7", "#e9f1e4", "#f4e4e4"))
        parts.sheet.rect(x, y, x + wide, min(y + high, lowest), fill=tint, stroke=None)
        x, y, wide = x + parts.size * 0.6, y + parts.size * 0.6, wide - parts.size * 1.2
    for row in rows:
        if y + parts.rows.height(row) > lowest:
            break
        y = parts.rows.row(x, y, wide, row)
    return max(top, y) + parts.size * 0.9


def _special(parts: Parts, name: str, y: float, lowest: float) -> float:
    """A section that is no list of fields."""
    if y + parts.size * 11 > lowest:
        return y
    draw_it = {"table": parts.table, "rating": parts.rating, "income": parts.amounts}[name]
    return draw_it(y, lowest)


def _stacked(parts: Parts, sections: list[Section], y: float, lowest: float) -> float:
    """One section under the other."""
    writer = parts.writer
    for name, keys in sections:
        if keys == ["-"]:
            y = _special(parts, name, y, lowest)
        else:
            y = _fields(parts, (name, keys), writer.left, y, writer.wide, 12, lowest)
    return y


def _framed(parts: Parts, sections: list[Section], y: float, lowest: float) -> float:
    """Each section in a frame of its own."""
    writer = parts.writer
    for name, keys in sections:
        if keys == ["-"]:
            y = _special(parts, name, y, lowest)
            continue
        top = y
        inset = parts.size * 0.7
        left, wide = writer.left + inset, writer.wide - 2 * inset
        y = _fields(parts, (name, keys), left, y + inset, wide, 12, lowest - inset)
        if y > top + inset:
            parts.sheet.rect(writer.left, top, writer.right, y)
            y += parts.size * 0.7
        else:
            y = top
    return y


def _columns(parts: Parts, sections: list[Section], y: float, lowest: float) -> float:
    """Sections in two columns; tables below them."""
    writer = parts.writer
    gap = parts.size * 1.6
    wide = (writer.wide - gap) / 2
    ends = [y, y]
    for name, keys in sections:
        if keys == ["-"]:
            low = _special(parts, name, max(ends), lowest)
            ends = [low, low]
            continue
        at = 0 if ends[0] <= ends[1] else 1
        ends[at] = _fields(parts, (name, keys), writer.left + at * (wide + gap), ends[at], wide, 7,
                           lowest)  # fmt: skip
    return max(ends)


def _beside(parts: Parts, sections: list[Section], y: float, lowest: float) -> float:
    """Headings in a narrow column at the left, fields at their right."""
    writer = parts.writer
    margin = writer.wide * parts.layout.between("heading column", 0.2, 0.28)
    for name, keys in sections:
        if keys == ["-"]:
            y = _special(parts, name, y, lowest)
            continue
        top = y
        y = _fields(parts, (name, keys), writer.left + margin, y, writer.wide - margin, 10, lowest,
                    headed=False)  # fmt: skip
        if y > top:
            parts.heading(writer.left, top, margin - parts.size * 1.2, name)
            parts.sheet.rule(writer.left, y, writer.right, y, thick=0.4)
            y += parts.size * 0.7
    return y


def _plain(parts: Parts, sections: list[Section], y: float, lowest: float) -> float:
    """All fields in one go, without headings."""
    writer = parts.writer
    for name, keys in sections:
        if keys == ["-"]:
            y = _special(parts, name, y, lowest)
        else:
            y = _fields(parts, (name, keys), writer.left, y, writer.wide, 12, lowest, headed=False)
            y -= parts.size * 0.9 if parts.rows.cell in ("box", "grid") else 0
    return y + parts.size


def _narrow(parts: Parts, sections: list[Section], y: float, lowest: float) -> float:
    """Fields in a narrow column with notes in the margin at their right."""
    writer = parts.writer
    notes = writer.wide * 0.24
    top = y
    for name, keys in sections:
        if keys == ["-"]:
            y = _special(parts, name, max(y, top), lowest)
            continue
        y = _fields(parts, (name, keys), writer.left, y, writer.wide - notes - 12, 9, lowest)
    from_right = writer.right - notes
    if all(keys != ["-"] for _, keys in sections):
        parts.sheet.rect(from_right, top, writer.right, y, fill="#f3f3f3", stroke=None)
        parts.notes(from_right + 6, top + parts.size * 1.5, notes - 12, y)
    return y


ARRANGEMENTS: tuple[Arrangement, ...] = (
    _stacked, _columns, _framed, _plain, _stacked, _beside, _narrow, _columns,
)  # fmt: skip


def _paper(layout: Layout, subject: str) -> tuple[float, float]:
    us = layout.pick("locale", ("US", "GB", "US", "GB", "CA", "IE")) == "US"
    paper = LETTER if us and layout.language == "en" else A4
    if subject in SMALL and layout.chance("small paper", 0.4):
        return A5[::-1] if layout.chance("wide paper", 0.4) else A5
    return paper[::-1] if layout.chance("landscape", 0.06) else paper


def draw(layout: Layout, seed: int) -> Sheet:
    """One form."""
    subject = layout.pick("subject", tuple(SUBJECTS))
    issuer, sections = SUBJECTS[subject]
    sheet = Sheet(_paper(layout, subject))
    marks.none(sheet)
    wide = sheet.width > sheet.height
    sheet.facts.update(kind="form", line_items=0, table=False,
                       orientation="landscape" if wide else "portrait")  # fmt: skip
    # The issuer is the template's; made first, because the makers of names have one state only.
    house = Content(layout, -1)
    name = house.company() if issuer == "company" else mask(house, "form_text", f"mask:{issuer}")
    office_lines = [name, *house.address()]
    content = Content(layout, seed)
    writer = Writer(sheet, layout, min(layout.size, 10.2 if sheet.height > 700 else 8.0))
    by = content.choose(("typed",) * 6 + ("hand",) * 4 + ("nobody",))
    filling = Filling(content, by, content.choose((1.0, 0.95, 0.85, 0.85, 0.5)))
    rows = Rows(writer, filling, layout.pick("cell", CELLS))
    parts = Parts(writer, content, filling, rows, subject, office_lines)
    if layout.chance("page frame", 0.1):
        edge = layout.margin * 0.5
        sheet.rect(edge, edge, sheet.width - edge, sheet.height - edge)

    y = parts.header()
    office = layout.chance("office box", 0.3)
    room = writer.size * (6.5 + (6.2 if office else 0))
    lowest = writer.bottom - room
    arrange = layout.pick("arrangement", ARRANGEMENTS)
    chosen = _chosen(layout, sections)
    if layout.chance("fills the page", 0.65):
        # Drawn on waste paper first, to see how much higher the rows may be.
        nobody = Filling(content, "nobody", 0)
        waste = Parts(Writer(Sheet((sheet.width, sheet.height)), layout, writer.size), content,
                      nobody, rows, subject, office_lines)  # fmt: skip
        waste.rows = Rows(waste.writer, nobody, rows.cell)
        used = arrange(waste, chosen, y, lowest) - y
        rows.high *= min(1.5, max(1.0, (lowest - y - writer.size * 3) / max(used, 1.0)))
    y = arrange(parts, chosen, y, lowest)
    if layout.chance("declaration", 0.6) and y + writer.size * 8 < lowest:
        y = parts.heading(writer.left, y, writer.wide, "declaration")
        count = layout.pick("how many declarations", (2, 3, 4, 5, 7, 6))
        y = parts.sentences(y + writer.size, count, "declaration")
    sign = y + writer.size * layout.between("room to sign", 4.2, 6)
    sign = min(sign, lowest + writer.size * 5)
    parts.signature(sign)
    if office:
        top = sign + writer.size * 2.2
        if layout.chance("office at the foot", 0.5):
            top = max(top, writer.bottom - writer.size * 5.6)
        parts.office(top)
    if content.chance(0.2):
        x = content.random.uniform(writer.left + 60, writer.right - 60)
        low = min(sign, sheet.height - 60) - content.random.uniform(0, 60)
        marks.stamp(sheet, content, x, low, content.random.uniform(26, 44))
    if layout.chance("footer", 0.5):
        parts.footer()
    return sheet
