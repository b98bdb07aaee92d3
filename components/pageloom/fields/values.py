"""From a field's text to what it means, by the kind of its label."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pageloom.fields.amounts import currencies, parse_amount, parse_currency, parse_quantity
from pageloom.fields.dates import parse_date, says_day_first
from pageloom.fields.identifiers import parse_iban, parse_tax_id

__all__ = ["KINDS", "FieldValues", "Hints", "Kind", "Value", "normalise"]

Kind = Literal["date", "amount", "quantity", "currency", "iban", "tax_id", "text"]

KINDS: Mapping[str, Kind] = {
    "date": "date",
    "invoice_date": "date",
    "due_date": "date",
    "order_date": "date",
    "delivery_date": "date",
    "receipt_date": "date",
    "net": "amount",
    "subtotal": "amount",
    "tax": "amount",
    "tip": "amount",
    "discount": "amount",
    "shipping": "amount",
    "total": "amount",
    "item_amount": "amount",
    "item_unit_price": "amount",
    "item_quantity": "quantity",
    "menu.price": "amount",
    "menu.unitprice": "amount",
    "menu.cnt": "quantity",
    "sub_total.subtotal_price": "amount",
    "sub_total.tax_price": "amount",
    "total.total_price": "amount",
    "total.cashprice": "amount",
    "total.changeprice": "amount",
    "currency": "currency",
    "iban": "iban",
    "tax_id": "tax_id",
    "vat_id": "tax_id",
}
"""What is known of labels; a label that is not here is text, and has no value."""

# A state and its postal code: the end of an address in the United States.
_US_ADDRESS = re.compile(
    r"\b(?:A[KLRZ]|C[AOT]|D[CE]|FL|GA|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]|O[HKR]|PA|RI"
    r"|S[CD]|T[NX]|UT|V[AT]|W[AIVY])\.?,?\s+\d{5}(?:-\d{4})?\b"
)


class FieldValues(BaseModel):
    """How a tagger reads values: its setting `field_values`. Unknown keys are refused.

    Args:
        kinds: label -> kind, for labels of your own, or to read a known one in another way;
            `text` has no value.
        languages: of the names of months, as `en`, `de`.
        country: ISO 3166, of the documents: what `$` is, whose tax numbers, whether the month comes
            first. Empty: as the document itself tells.
        day_first: whether 03/04/2024 is 3 April; None: as the document's other dates tell, else its
            country, else yes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kinds: dict[str, Kind] = Field(default_factory=dict)
    languages: tuple[str, ...] = ("en", "de", "fr", "es", "it")
    country: str = Field(default="", pattern="^([A-Za-z]{2})?$")
    day_first: bool | None = None

    @classmethod
    def of(cls, settings: Mapping[str, Any], component: str) -> Self:
        """From a component's setting. Raises `ValueError`, which names what is wrong."""
        try:
            return cls.model_validate(dict(settings))
        except ValidationError as error:
            found = error.errors()[0]
            where = ".".join(["field_values", *map(str, found["loc"])])
            raise ValueError(f"{component}: {where}: {found['msg']}") from None

    def kind(self, label: str) -> Kind:
        """The kind of a label's values."""
        return self.kinds.get(label) or KINDS.get(label, "text")


@dataclass(frozen=True)
class Hints:
    """What a document tells about how its values are to be read.

    Args:
        languages: of the names of months.
        country: ISO 3166, or empty.
        day_first: whether the day comes before the month.
        currency: the only one that the document names, or None.
    """

    languages: tuple[str, ...] = ("en", "de", "fr", "es", "it")
    country: str = ""
    day_first: bool = True
    currency: str | None = None

    @classmethod
    def of(cls, text: str, settings: FieldValues) -> Self:
        """Those of a document with this text; the settings come first."""
        country = settings.country.upper() or ("US" if _US_ADDRESS.search(text) else "")
        day_first = settings.day_first
        if day_first is None:
            day_first = says_day_first(text)
        if day_first is None:
            day_first = country != "US"
        named = currencies(text, country)
        return cls(settings.languages, country, day_first, named.pop() if len(named) == 1 else None)


@dataclass(frozen=True)
class Value:
    """What a text means.

    Args:
        text: None where it cannot be read, or its check digits do not agree.
        currency: ISO 4217, of an amount.
        valid: whether its check digits agree; None for what has none.
    """

    text: str | None
    currency: str | None = None
    valid: bool | None = None


def normalise(kind: Kind, text: str, hints: Hints | None = None) -> Value | None:
    """The value of `text`; None where it has none of this kind."""
    hints = hints or Hints()
    match kind:
        case "date":
            found = parse_date(text, hints.languages, hints.day_first)
            return None if found is None else Value(found.isoformat())
        case "amount":
            amount = parse_amount(text)
            if amount is None:
                return None
            currency = parse_currency(text, hints.country) or hints.currency
            return Value(_plain(amount), currency)
        case "quantity":
            return _value(parse_quantity(text), _plain)
        case "currency":
            return _value(parse_currency(text, hints.country), str)
        case "iban":
            iban = parse_iban(text)
            return Value(iban, valid=iban is not None)
        case "tax_id":
            number = parse_tax_id(text, hints.country)
            return None if number is None else Value(number[0], valid=number[1])
        case _:
            return None


def _value(found: Any, write: Any) -> Value | None:
    return None if found is None else Value(write(found))


def _plain(number: Any) -> str:
    return format(number, "f")
