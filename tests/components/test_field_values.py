"""What fields mean: dates, amounts, currencies, IBANs and tax numbers as documents print them."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pageloom.fields import FieldValues, Hints, normalise
from pageloom.fields.amounts import currencies, parse_amount, parse_currency, parse_quantity
from pageloom.fields.dates import parse_date, says_day_first
from pageloom.fields.identifiers import parse_iban, parse_tax_id

LANGUAGES = ("en", "de", "fr", "es", "it")


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("25/12/2018", "2018-12-25"),
        ("25/12/2018 8:13:39 PM", "2018-12-25"),
        ("DATE: 25-12-18", "2018-12-25"),
        ("(25 / 12 / 2018)", "2018-12-25"),
        ("03.04.2024", "2024-04-03"),
        ("2018-03-05", "2018-03-05"),
        ("2018/03/05 12:00", "2018-03-05"),
        ("20180325", "2018-03-25"),
        ("25032018", "2018-03-25"),
        ("03/25/2018", "2018-03-25"),
        ("25MAR18", "2018-03-25"),
        ("25-Mar-2018 Sunday", "2018-03-25"),
        ("Mar 25. 2018", "2018-03-25"),
        ("March 25th, 2018", "2018-03-25"),
        ("Berlin, den 5. März 2024", "2024-03-05"),
        ("1er janvier 2024", "2024-01-01"),
        ("le 4 août 2023", "2023-08-04"),
        ("5 de marzo de 2024", "2024-03-05"),
        ("15 gennaio 2024", "2024-01-15"),
        ("29-Feb-24", "2024-02-29"),
    ],
)
def test_dates(text, iso):
    assert parse_date(text, LANGUAGES) == date.fromisoformat(iso)


@pytest.mark.parametrize(
    "text",
    ["March 2024", "12/2018", "31/02/2018", "29-Feb-23", "yesterday", "08:15", "", "net 30 days",
     "5 March"],
)  # fmt: skip
def test_a_date_with_a_part_missing_is_none(text):
    assert parse_date(text, LANGUAGES) is None


def test_the_month_may_come_first():
    assert parse_date("03/04/2024", LANGUAGES, day_first=False) == date(2024, 3, 4)
    assert parse_date("2024-03-04", LANGUAGES, day_first=False) == date(2024, 3, 4)


@given(st.dates(date(1990, 1, 1), date(2060, 1, 1)), st.sampled_from("/-."), st.booleans())
@settings(max_examples=40, deadline=None)
def test_dates_in_numbers_come_back(day, mark, day_first):
    written = day.strftime(f"%d{mark}%m{mark}%Y" if day_first else f"%m{mark}%d{mark}%Y")
    assert parse_date(f"Date {written} 10:30", LANGUAGES, day_first) == day


@pytest.mark.parametrize(
    ("text", "day_first"),
    [
        ("issued 03/04/2024, due 03/18/2024", False),
        ("issued 03/04/2024, due 18/04/2024", True),
        ("issued 03/04/2024", None),
        ("13/01/2024 and 01/13/2024", None),
        ("on 12.50/13.20", None),
    ],
)
def test_other_dates_tell_the_order(text, day_first):
    assert says_day_first(text) is day_first


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("9.00", "9.00"),
        ("RM9.00 SR", "9.00"),
        ("EUR 1,234.50", "1234.50"),
        ("1.234,50 €", "1234.50"),
        ("CHF 1\u2019234.50", "1234.50"),
        ("1 234,50 €", "1234.50"),
        ("1\u202f234,50 €", "1234.50"),
        ("1 . 234 , 50", "1234.50"),
        ("9 .00", "9.00"),
        ("1.234.567,89", "1234567.89"),
        ("1,234", "1234"),
        ("1.234", "1234"),
        ("12.5", "12.5"),
        ("0.005", "0.005"),
        ("12,-", "12"),
        ("19 % 45,60", "45.60"),
        ("3 items $ 45.60", "45.60"),
        ("1O.5O", "10.50"),
        ("-5.00", "-5.00"),
        ("RM -5.00", "-5.00"),
        ("-$5.00", "-5.00"),
        ("5,00-", "-5.00"),
        ("(5.00)", "-5.00"),
        ("\u22125.00", "-5.00"),
        ("RM-5.00", "-5.00"),
        ("1-5.00", "5.00"),
    ],
)  # fmt: skip
def test_amounts(text, amount):
    assert parse_amount(text) == Decimal(amount)


@pytest.mark.parametrize("text", ["", "19 %", "EUR", "free of charge", "-"])
def test_no_amount(text):
    assert parse_amount(text) is None


@given(
    st.decimals(0, 10**8, places=2),
    st.sampled_from([(",", "."), (".", ","), ("'", "."), (" ", ","), (" ", "."), ("", ".")]),
)
@settings(deadline=None)
def test_amounts_come_back_in_whatever_marks(amount, marks):
    thousands, cents = marks
    written = f"{amount:,.2f}".replace(",", "T").replace(".", cents).replace("T", thousands)
    assert parse_amount(f"EUR {written}") == amount


@pytest.mark.parametrize(
    ("text", "country", "codes"),
    [
        ("1.234,50 €", "", {"EUR"}),
        ("RM9.00", "", {"MYR"}),
        ("CHF 5.00", "", {"CHF"}),
        ("$ 5.00", "", set()),
        ("$5.00", "US", {"USD"}),
        ("$5.00", "SG", {"SGD"}),
        ("US$ 5.00", "SG", {"USD"}),
        ("250 kr", "SE", {"SEK"}),
        ("FARM 5.00 ALL TOP", "", set()),
        ("EUR 5.00 (USD 5.50)", "", {"EUR", "USD"}),
    ],
)
def test_currencies(text, country, codes):
    assert currencies(text, country) == codes
    assert parse_currency(text, country) == (next(iter(codes)) if len(codes) == 1 else None)


@pytest.mark.parametrize(
    ("text", "quantity"),
    [("2", "2"), ("3 pcs", "3"), ("x 2", "2"), ("1.500 kg", "1.500"), ("0,250 kg", "0.250"),
     ("2,00", "2.00"), ("1.000 Stk", "1000")],
)  # fmt: skip
def test_quantities(text, quantity):
    assert parse_quantity(text) == Decimal(quantity)


@pytest.mark.parametrize(
    "text",
    [
        "DE89 3704 0044 0532 0130 00",
        "IBAN: DE89 3704 0044 0532 0130 00",
        "IBAN DE89370400440532013000 BIC COBADEFFXXX",
        "DE89 37O4 0044 O532 0130 OO",  # letters for digits, as an OCR engine reads them
    ],
)
def test_ibans(text):
    assert parse_iban(text) == "DE89370400440532013000"


@given(st.integers(2, 21), st.integers(1, 9))
def test_a_wrong_digit_in_an_iban_is_found(at, more):
    right = "DE89370400440532013000"
    wrong = right[:at] + str((int(right[at]) + more) % 10) + right[at + 1 :]
    assert parse_iban(right) == right
    assert parse_iban(wrong) is None


@pytest.mark.parametrize(
    ("text", "country", "found"),
    [
        ("USt-IdNr. DE 136 695 976", "", ("DE136695976", True)),
        ("DE136695977", "", ("DE136695977", False)),
        ("VAT No. GB 980 7806 84", "", ("GB980780684", True)),
        ("CHE-107.787.577 MWST", "", ("CHE107787577", True)),
        ("GST ID : 000306020352", "", ("000306020352", None)),
        ("12/345/67890", "", ("12/345/67890", None)),
        ("EIN 04-2103594", "US", ("042103594", True)),
        ("no number", "", None),
    ],
)
def test_tax_numbers(text, country, found):
    assert parse_tax_id(text, country) == found


def test_a_document_tells_how_its_values_are_read():
    german = Hints.of("Rechnung vom 03.04.2024 über 1.200,00 EUR", FieldValues())
    assert (german.day_first, german.currency, german.country) == (True, "EUR", "")
    american = Hints.of("12 Main St, Austin, TX 78701. Date 03/04/2024 $ 5.00", FieldValues())
    assert (american.day_first, american.currency, american.country) == (False, "USD", "US")
    assert normalise("date", "03/04/2024", american).text == "2024-03-04"
    assert Hints.of("Austin, TX 78701", FieldValues(country="MY", day_first=True)).day_first
    several = Hints.of("EUR 5.00 or CHF 5.20", FieldValues())
    assert several.currency is None


def test_values_by_kind():
    hints = Hints(currency="EUR")
    assert normalise("amount", "1.200,00", hints).text == "1200.00"
    assert normalise("amount", "1.200,00", hints).currency == "EUR"
    assert normalise("amount", "USD 5", hints).currency == "USD"
    assert normalise("currency", "€").text == "EUR"
    assert normalise("iban", "DE00 1234").valid is False
    assert normalise("iban", "DE00 1234").text is None
    assert normalise("text", "1.200,00", hints) is None


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"kinds": {"total": "money"}}, "tagger: field_values.kinds.total"),
        ({"country": "Germany"}, "tagger: field_values.country"),
        ({"dayfirst": True}, "tagger: field_values.dayfirst"),
    ],
)
def test_a_wrong_setting_is_named(setting, message):
    with pytest.raises(ValueError, match=message):
        FieldValues.of(setting, "tagger")


@given(
    st.text(max_size=40),
    st.sampled_from(["date", "amount", "quantity", "currency", "iban", "tax_id"]),
)
@settings(deadline=None)
def test_any_text_is_read_or_is_none(text, kind):
    value = normalise(kind, text)
    assert value is None or value.text is None or value.text == value.text.strip() != ""
