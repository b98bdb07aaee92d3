"""Reads dates and amounts as they stand on receipts: what is equal in value though not in print."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal

__all__ = ["DATE", "MONTHS", "amount", "amounts", "dates"]

MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")

_MONTH = "(?:" + "|".join(MONTHS) + ")[A-Z]*"
# Day, month and year in any order and with any of the usual separators.
DATE = re.compile(
    rf"(?<!\d)(?:\d{{1,4}}\s?[-/.]\s?\d{{1,2}}\s?[-/.]\s?\d{{2,4}}"
    rf"|\d{{1,2}}\s?[-/., ]?\s?{_MONTH}\s?[-/., ]{{0,2}}\s?\d{{2,4}}"
    rf"|{_MONTH}\s?\d{{1,2}}\s?,?\s?\d{{4}}"
    rf"|\d{{8}})(?!\d)",
    re.IGNORECASE,
)
_INSIDE = re.compile(r"(?<![\d.,])\d[\d,]*[.,]\d{1,2}(?!\d)")
_AMOUNT = re.compile(
    r"^[-(]?(?:RM|MYR|USD|SGD|EUR|\$|€|£)?\s?-?(\d{1,3}(?:[ ,']\d{3})+|\d+)[.,](\d{1,2})\W*$"
)


def amount(text: str) -> Decimal | None:
    """The amount that `text` is, currency and sign aside; None if it has no cents or is none."""
    match = _AMOUNT.match(text.strip().upper())
    if match is None:
        return None
    whole = re.sub(r"\D", "", match[1])
    return Decimal(f"{whole}.{match[2]:0<2}")


def amounts(text: str) -> list[Decimal]:
    """All amounts with cents that stand anywhere in `text`, glued to other letters or not."""
    return [found for match in _INSIDE.findall(text) if (found := amount(match)) is not None]


def dates(text: str) -> set[date]:
    """Every date that `text` may mean: day first, month first, year first; none if not a date."""
    match = DATE.search(text)
    if match is None:
        return set()
    parts = re.findall(r"\d+|[A-Za-z]+", match[0])
    if len(parts) == 1 and len(parts[0]) == 8:
        digits = parts[0]
        orders = [(digits[:4], digits[4:6], digits[6:]), (digits[4:], digits[2:4], digits[:2])]
    elif len(parts) == 3:
        first, second, third = parts
        orders = [(third, second, first), (third, first, second), (first, second, third)]
    else:
        return set()
    return {found for year, month, day in orders if (found := _date(year, month, day)) is not None}


def _date(year: str, month: str, day: str) -> date | None:
    if not (year.isdigit() and day.isdigit()) or len(year) == 3:
        return None
    if month.isdigit():
        number = int(month)
    else:
        number = MONTHS.index(month[:3].upper()) + 1 if month[:3].upper() in MONTHS else 0
    try:
        return date(int(year) + (2000 if len(year) <= 2 else 0), number, int(day))
    except ValueError:
        return None
