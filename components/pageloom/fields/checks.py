"""What the fields of a document say about each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from pageloom.document.types import Check, Field

__all__ = ["Finding", "find"]

# Totals are rounded once, or to five cents where there are no smaller coins.
_ROUNDING = Decimal("0.05")
_HALF_CENT = Decimal("0.005")

_NET = ("net", "subtotal", "sub_total.subtotal_price")
_TAX = ("tax", "sub_total.tax_price")
_TOTAL = ("total", "total.total_price")
_INVOICE_DATE = ("invoice_date", "date")
_AMOUNT = ("item_amount", "menu.price")
_PRICE = ("item_unit_price", "menu.unitprice")
_QUANTITY = ("item_quantity", "menu.cnt")

Fields = Mapping[str, Sequence[Field]]


@dataclass(frozen=True)
class Finding:
    """A check, and the fields that it was made of.

    `telling` says whether passing it is evidence: an amount that is the sum of two others is hardly
    misread, while two dates are in order by chance half of the time.
    """

    check: Check
    fields: tuple[Field, ...]
    telling: bool


def find(
    fields: Fields, rows: Sequence[Mapping[str, Field]], valid: Mapping[Field, bool]
) -> list[Finding]:
    """All checks that can be made of a document's values.

    Args:
        fields: label -> fields, best first.
        rows: the positions, as `group_rows` gives them.
        valid: of fields with check digits, whether they agree.
    """
    return [
        *_net_tax_total(fields),
        *_items_total(fields, rows),
        *_item_amounts(rows),
        *_due_date(fields),
        *_currency(fields),
        *_check_digits(fields, valid),
    ]


def _net_tax_total(fields: Fields) -> Iterator[Finding]:
    net, tax, total = (_first(fields, labels) for labels in (_NET, _TAX, _TOTAL))
    if net is None or tax is None or total is None:
        return
    goal = _number(total[1][0])
    # One rate, or several, each with its net and its tax.
    ways = [(nets, taxes) for nets in _ways(net[1]) for taxes in _ways(tax[1])]
    nets, taxes = next(
        (way for way in ways if abs(_sum(way[0]) + _sum(way[1]) - goal) <= _ROUNDING), ways[0]
    )
    told = f"{_said(nets)} + {_said(taxes)}"
    yield _sums(
        "net_tax_total", told, _sum(nets) + _sum(taxes), total[1][0],
        (net[0], tax[0], total[0]), (*nets, *taxes, total[1][0]), _ROUNDING,
    )  # fmt: skip


def _items_total(fields: Fields, rows: Sequence[Mapping[str, Field]]) -> Iterator[Finding]:
    cells = [cell for row in rows if (cell := _cell(row, _AMOUNT)) is not None]
    goals = [goal for labels in (_NET, _TOTAL) if (goal := _first(fields, labels)) is not None]
    if not cells or not goals:
        return
    amounts = [field for _, field in cells]
    allowed = _ROUNDING + _HALF_CENT * len(amounts)
    label, found = min(goals, key=lambda goal: abs(_number(goal[1][0]) - _sum(amounts)))
    labels = (cells[0][0], label)
    yield _sums(
        "items_total",
        _said(amounts),
        _sum(amounts),
        found[0],
        labels,
        (*amounts, found[0]),
        allowed,
    )


def _item_amounts(rows: Sequence[Mapping[str, Field]]) -> Iterator[Finding]:
    for row in rows:
        quantity, price, amount = (_cell(row, labels) for labels in (_QUANTITY, _PRICE, _AMOUNT))
        if quantity is None or price is None or amount is None:
            continue
        product = _number(quantity[1]) * _number(price[1])
        # The price is rounded, and its slip counts as often as the quantity says.
        allowed = _HALF_CENT * (abs(_number(quantity[1])) + 1)
        told = f"{quantity[1].value} x {price[1].value}"
        parts = (quantity, price, amount)
        yield _sums(
            "item_amount", told, product, amount[1],
            tuple(label for label, _ in parts), tuple(field for _, field in parts), allowed,
        )  # fmt: skip


def _due_date(fields: Fields) -> Iterator[Finding]:
    begun, due = _first(fields, _INVOICE_DATE), _first(fields, ("due_date",))
    if begun is None or due is None:
        return
    first, last = begun[1][0], due[1][0]
    passed = str(first.value) <= str(last.value)
    message = f"due on {last.value}, {'not ' if passed else ''}before its date {first.value}"
    check = Check("due_date", passed, (begun[0], due[0]), message)
    yield Finding(check, (first, last), telling=False)


def _currency(fields: Fields) -> Iterator[Finding]:
    """The currencies of the best amounts and of the field `currency` agree."""
    told = {
        label: found[0].currency or found[0].value if label == "currency" else found[0].currency
        for label, found in fields.items()
        if found and (found[0].currency or label == "currency")
    }
    told = {label: code for label, code in told.items() if code is not None}
    if len(told) < 2:
        return
    named = sorted({str(code) for code in told.values()})
    check = Check(
        "currency", len(named) == 1, tuple(sorted(told)), f"amounts are in {' and '.join(named)}"
    )
    yield Finding(check, tuple(fields[label][0] for label in sorted(told)), telling=False)


def _check_digits(fields: Fields, valid: Mapping[Field, bool]) -> Iterator[Finding]:
    for label, found in fields.items():
        for field in found:
            if field in valid:
                words = "agree" if valid[field] else "do not agree"
                name = "iban" if label == "iban" else "tax_id"
                message = f"the check digits of {field.text!r} {words}"
                yield Finding(Check(name, valid[field], (label,), message), (field,), telling=True)


def _sums(
    name: str, told: str, reached: Decimal, goal: Field,
    labels: tuple[str, ...], fields: tuple[Field, ...], allowed: Decimal,
) -> Finding:  # fmt: skip
    passed = abs(reached - _number(goal)) <= allowed
    message = f"{told} = {goal.value}" if passed else f"{told} = {reached:f}, not {goal.value}"
    # Zero and zero agree with anything.
    telling = _number(goal) != 0 and all(_number(field) != 0 for field in fields)
    return Finding(Check(name, passed, labels, message), fields, telling)


def _first(fields: Fields, labels: Sequence[str]) -> tuple[str, list[Field]] | None:
    """The first of `labels` whose best field has a value, with its fields that have one."""
    for label in labels:
        found = fields.get(label) or ()
        if found and found[0].value is not None:
            return label, [field for field in found if field.value is not None]
    return None


def _ways(found: Sequence[Field]) -> list[tuple[Field, ...]]:
    """The best field alone; or all that differ, once each."""
    different = tuple({field.value: field for field in reversed(found)}.values())
    return [(found[0],), different] if len(different) > 1 else [(found[0],)]


def _cell(row: Mapping[str, Field], labels: Sequence[str]) -> tuple[str, Field] | None:
    for label in labels:
        if label in row and row[label].value is not None:
            return label, row[label]
    return None


def _number(field: Field) -> Decimal:
    return Decimal(str(field.value))


def _sum(found: Sequence[Field]) -> Decimal:
    return sum(map(_number, found), Decimal(0))


def _said(found: Sequence[Field]) -> str:
    return " + ".join(str(field.value) for field in found)
