"""Amounts of money and quantities as documents print them, to decimals; and currencies."""

from __future__ import annotations

import re
from decimal import Decimal

__all__ = ["CODES", "currencies", "parse_amount", "parse_currency", "parse_quantity"]

CODES = frozenset(
    (
        *(
            "EUR",
            "USD",
            "GBP",
            "CHF",
            "SEK",
            "NOK",
            "DKK",
            "ISK",
            "PLN",
            "CZK",
            "HUF",
            "RON",
            "BGN",
        ),
        *(
            "MYR",
            "SGD",
            "HKD",
            "JPY",
            "CNY",
            "INR",
            "THB",
            "IDR",
            "PHP",
            "VND",
            "TWD",
            "KRW",
            "AUD",
        ),
        *(
            "NZD",
            "CAD",
            "BRL",
            "MXN",
            "ARS",
            "CLP",
            "COP",
            "PEN",
            "ZAR",
            "EGP",
            "NGN",
            "KES",
            "AED",
        ),
        *("SAR", "TRY", "ILS", "UAH"),
    )
)
"""ISO 4217 codes that are looked for. Fewer than all: some codes are words (ALL, TOP, CUP)."""

# Signs that mean one currency only. `$`, `kr`, `¥` and `Rs` mean several: see _OF_COUNTRY.
_SIGNS = {
    "€": "EUR",
    "£": "GBP",
    "RM": "MYR",
    "SFR": "CHF",
    "FR.": "CHF",
    "US$": "USD",
    "S$": "SGD",
    "A$": "AUD",
    "C$": "CAD",
    "NZ$": "NZD",
    "HK$": "HKD",
    "R$": "BRL",
    "NT$": "TWD",
    "ZŁ": "PLN",
    "KČ": "CZK",
    "FT": "HUF",
    "₹": "INR",
    "฿": "THB",
    "₫": "VND",
    "₩": "KRW",
    "₺": "TRY",
    "₪": "ILS",
    "₱": "PHP",
    "₴": "UAH",
    "EURO": "EUR",
    "EUROS": "EUR",
}
_OF_COUNTRY = {
    "$": {
        "US": "USD", "CA": "CAD", "AU": "AUD", "NZ": "NZD", "SG": "SGD", "HK": "HKD",
        "TW": "TWD", "MX": "MXN", "AR": "ARS", "CL": "CLP", "CO": "COP", "MY": "MYR",
    },
    "KR": {"SE": "SEK", "NO": "NOK", "DK": "DKK", "IS": "ISK"},
    "¥": {"JP": "JPY", "CN": "CNY"},
    "RS": {"IN": "INR"},
}  # fmt: skip

# Apostrophes (right, left, grave, acute) and dashes (minus, en, em) are one each.
_MARKS = str.maketrans("\u2019\u2018`\u00b4\u2212\u2013\u2014", "'" * 4 + "-" * 3)

_LETTER = r"[^\W\d_]"
_KNOWN = re.compile(
    rf"(?<!{_LETTER})(?:"
    + "|".join(re.escape(sign) for sign in sorted([*CODES, *_SIGNS], key=len, reverse=True))
    + rf")(?!{_LETTER})",
    re.IGNORECASE,
)
_VAGUE = re.compile(rf"(?<![A-Za-z])(?:\$|¥|(?:KR|RS)\.?(?!{_LETTER}))", re.IGNORECASE)
_RATE = re.compile(r"\d+(?:\s?[.,]\s?\d+)?\s?%")
_NUMBER = re.compile(r"\d{1,3}(?:[ ']\d{3})+(?:[.,]\d{1,2})?(?!\d)|\d[\d.,']*")
_CENTS = re.compile(r"[.,]\d{2}$")
_BY_WEIGHT = re.compile(r"\d\s?(?:kg|lbs?|l|m|m²|h|hrs?|std)\b", re.IGNORECASE)


def parse_amount(text: str) -> Decimal | None:
    """The amount in `text`: the last number with cents, else the last number; None for none.

    Decimal and thousands marks are told apart by where they stand: 1,234.50 and 1.234,50 and
    1'234.50 and 1 234,50 are the same. Three digits after the only mark are thousands, but for a
    number below one. Rates (`19 %`) are passed over. A minus on either side, or brackets, make it
    negative.
    """
    plain = _RATE.sub(" ", _tidy(text))
    numbers = list(_NUMBER.finditer(plain))
    if not numbers:
        return None
    with_cents = [match for match in numbers if _CENTS.search(match[0])]
    match = (with_cents or numbers)[-1]
    value = _decimal(match[0])
    if value is None:
        return None
    before, after = plain[: match.start()], plain[match.end() :]
    # `12,-` says that there are no cents; the number took the comma.
    minus = re.match(r"\s?-(?!\s?\d)", after) and not match[0].endswith((",", "."))
    bracketed = "(" in before.rpartition(")")[2] and ")" in after
    negative = bool(minus) or _is_minus(before) or bracketed
    return -value if negative else value


def parse_quantity(text: str) -> Decimal | None:
    """The first number in `text`: pieces, hours or a weight; 1.500 kg is one and a half."""
    plain = _tidy(text)
    match = _NUMBER.search(plain)
    if match is None:
        return None
    number = match[0].rstrip(".,'")
    if _BY_WEIGHT.search(plain) and re.fullmatch(r"\d+[.,]\d+", number):
        return Decimal(number.replace(",", "."))
    return _decimal(number)


def currencies(text: str, country: str = "") -> set[str]:
    """The ISO codes of all currencies that `text` names by code or sign.

    A sign that several countries use (`$`, `kr`) counts where `country` (ISO 3166) says whose.
    """
    found = {_code(match[0]) for match in _KNOWN.finditer(_apart(text))}
    for match in _VAGUE.finditer(_apart(text)):
        code = _OF_COUNTRY[match[0].upper().rstrip(".")].get(country.upper())
        if code is not None:
            found.add(code)
    return found


def parse_currency(text: str, country: str = "") -> str | None:
    """The one currency that `text` names; None for none or several."""
    found = currencies(text, country)
    return found.pop() if len(found) == 1 else None


def _code(sign: str) -> str:
    return _SIGNS.get(sign.upper(), sign.upper())


def _apart(text: str) -> str:
    """`RM9.00` and `9.00EUR` with a blank, so that the sign is a word."""
    return re.sub(r"(?<=\d)(?=[^\W\d_])|(?<=[^\W\d_])(?=\d)", " ", text)


def _is_minus(before: str) -> bool:
    """Whether what stands before a number ends in a minus, with or without a currency's sign."""
    return bool(re.search(rf"(?<!\d)-\s?(?:[^\w\s]|{_LETTER}{{1,3}}\s?)?$", before))


def _tidy(text: str) -> str:
    """One kind of blank, apostrophe and minus; digits that the OCR tore apart or misread."""
    text = " ".join(text.split())
    text = text.translate(_MARKS)
    text = re.sub(r"(?<=\d)\s?([.,])\s?(?=\d)", r"\1", text)
    text = re.sub(r"(?<=[\d.,])[oO](?=[\d.,oO]|\b)", "0", text)
    return re.sub(r"(?<=[\d.,])[lI](?=[\d.,]|\b)", "1", text)


def _decimal(number: str) -> Decimal | None:
    from price_parser import Price

    number = number.replace("'", "").replace(" ", "").strip(".,")
    if re.fullmatch(r"0[.,]\d+", number):  # no thousands begin with 0
        return Decimal(number.replace(",", "."))
    amount: Decimal | None = Price.fromstring(number).amount
    return amount
