"""IBANs and tax numbers: their usual form, and whether their check digits agree."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stdnum.util import NumberValidationModule

__all__ = ["parse_iban", "parse_tax_id"]

_CAPTION = re.compile(r"\bIBAN\b[\s:.]*", re.IGNORECASE)
# What an OCR engine takes a digit for.
_MISREAD = str.maketrans("OQDILZSB", "00011258")
# Shortest and longest IBAN of any country.
_SHORTEST, _LONGEST = 15, 34


def parse_iban(text: str) -> str | None:
    """The IBAN in `text`, without blanks; None where there is none whose check digits agree.

    Letters that were misread for digits are put right where the check digits then agree: one
    wrong reading in 97 would pass.
    """
    from stdnum import iban

    squeezed = re.sub(r"[^A-Z0-9]", "", _CAPTION.sub(" ", text).upper())
    for match in re.finditer(r"(?=[A-Z]{2}[0-9OQDILZSB]{2})", squeezed):
        whole = squeezed[match.start() : match.start() + _LONGEST]
        for length in range(len(whole), _SHORTEST - 1, -1):
            country, rest = whole[:2], whole[2:length]
            # The length is a country's own, so at most one passes.
            for number in (country + rest, country + rest.translate(_MISREAD)):
                if iban.is_valid(number):
                    return str(iban.compact(number))
    return None


def parse_tax_id(text: str, country: str = "") -> tuple[str, bool | None] | None:
    """The tax number in `text` in its usual form, and whether its check digits agree.

    None for the check where it has none that is known: most countries' own numbers without the
    prefix of the European VAT. Without `country` (ISO 3166) only prefixed numbers can be checked.
    """
    found = _prefixed(text)
    if found is not None:
        return found
    numbers = re.findall(r"[A-Z]{0,3}[-.]?\d[\dA-Z./ -]*[\dA-Z]", text.upper())
    if not numbers:
        return None
    number = re.sub(r"\s+", "", max(numbers, key=len))
    module = _module(country)
    if module is None:
        return number, None
    return (str(module.compact(number)), True) if module.is_valid(number) else (number, False)


def _prefixed(text: str) -> tuple[str, bool | None] | None:
    from stdnum.eu import vat

    squeezed = re.sub(r"[^A-Z0-9]", "", text.upper())
    swiss = re.search(r"CHE\d{9}", squeezed)
    if swiss is not None:
        from stdnum.ch import uid

        return swiss[0], bool(uid.is_valid(swiss[0]))
    prefixes = [code.upper() for code in vat.MEMBER_STATES] + ["EL", "GB", "XI"]
    prefix = rf"(?<![A-Za-z])({'|'.join(prefixes)})[ .-]?"
    for match in re.finditer(prefix + r"([A-Z]{0,2}\d[\dA-Z .-]{5,18})", text.upper()):
        number = match[1] + re.sub(r"[^A-Z0-9]", "", match[2])
        module = _module("GB") if match[1] in ("GB", "XI") else vat
        if module is not None:
            return number, bool(module.is_valid(number))
    return None


def _module(country: str) -> NumberValidationModule | None:
    if not country:
        return None
    from stdnum import get_cc_module

    if country.upper() == "US":
        return get_cc_module("us", "ein")
    return get_cc_module(country.lower(), "vat")
