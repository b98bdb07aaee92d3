"""Dates as documents print them, to ISO."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dateparser.date import DateDataParser

__all__ = ["parse_date", "says_day_first"]

_WORD = r"[^\W\d_]"
_ORDINAL = r"(?:st|nd|rd|th|er|º|°|\.)?"
_OF = rf"\s?(?:de\s|di\s|of\s)?[-/., ']{{0,3}}(?:{_WORD}{{1,3}}\s)?"
# Where a date stands within its field's words; what it means is dateparser's to say.
_SHAPES = tuple(
    re.compile(shape, re.IGNORECASE)
    for shape in (
        r"(?<!\d)\d{4}\s?[-/.]\s?\d{1,2}\s?[-/.]\s?\d{1,2}(?!\d)",
        r"(?<!\d)\d{1,2}\s?([-/.])\s?\d{1,2}\s?\1\s?(?:\d{4}|\d{2})(?!\d)",
        rf"(?<!\d)\d{{1,2}}{_ORDINAL}{_OF}{_WORD}{{3,10}}\.?{_OF}(?:\d{{4}}|\d{{2}})(?!\d)",
        rf"(?<!{_WORD}){_WORD}{{3,10}}\.?\s?\d{{1,2}}{_ORDINAL}[., ']{{0,3}}"
        r"(?:\d{4}|\d{2})(?!\d)",
        r"(?<!\d)\d{1,2}\s\d{1,2}\s\d{4}(?!\d)",
    )
)
_COMPACT = re.compile(r"(?<!\d)((?:19|20)\d\d)(\d\d)(\d\d)(?!\d)")
_COMPACT_DAY_FIRST = re.compile(r"(?<!\d)(\d\d)(\d\d)((?:19|20)\d\d)(?!\d)")
_NUMBERS = re.compile(r"(?<![\d.,/-])(\d{1,2})\s?([-/.])\s?(\d{1,2})\s?\2\s?(?:\d{4}|\d{2})(?!\d)")
# Years beyond are slips of the OCR.
_FIRST_YEAR, _LAST_YEAR = 1900, 2199


def parse_date(text: str, languages: Sequence[str], day_first: bool = True) -> date | None:
    """The first date in `text`; None where day, month or year is missing or impossible.

    Args:
        text: a field's words; a caption before the date or a time after it do no harm.
        languages: of the months' names, as `en`, `de`.
        day_first: what 03/04/2024 is: 3 April, or with False March 4. 03/25/2024 can be only one.
    """
    text = " ".join(text.split())
    for shape in _SHAPES:
        for match in shape.finditer(text):
            piece = re.sub(r"\s?([-/])\s?", r"\1", match[0])
            piece = re.sub(r"(?<=\d)\s?\.\s?(?=\d)", ".", piece)
            parser = _parser(tuple(languages), day_first)
            found: datetime | None = parser.get_date_data(piece).date_obj
            if found is not None and _FIRST_YEAR <= found.year <= _LAST_YEAR:
                return found.date()
    for pattern, order in ((_COMPACT, (1, 2, 3)), (_COMPACT_DAY_FIRST, (3, 2, 1))):
        for match in pattern.finditer(text):
            try:
                return date(*(int(match[part]) for part in order))
            except ValueError:
                continue
    return None


def says_day_first(text: str) -> bool | None:
    """Whether the dates in `text` that can be read in one way only have the day first.

    None where there is no such date, or where they disagree.
    """
    said = set()
    for match in _NUMBERS.finditer(text):
        first, second = int(match[1]), int(match[3])
        if first > 12 >= second > 0 and first <= 31:
            said.add(True)
        elif second > 12 >= first > 0 and second <= 31:
            said.add(False)
    return said.pop() if len(said) == 1 else None


@cache
def _parser(languages: tuple[str, ...], day_first: bool) -> DateDataParser:
    # A second to import: not before a date is read.
    from dateparser.date import DateDataParser

    return DateDataParser(
        languages=list(languages),
        settings={
            "DATE_ORDER": "DMY" if day_first else "MDY",
            "PARSERS": ["absolute-time"],
            # A date without its year is none: the day on which a document is read fills nothing in.
            "REQUIRE_PARTS": ["day", "month", "year"],
            "STRICT_PARSING": True,
            "RELATIVE_BASE": datetime(2020, 1, 1),
        },
    )
