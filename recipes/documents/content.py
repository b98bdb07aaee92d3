"""What documents say: names, places, dates and amounts of one locale, from a seed.

Names and addresses come from Faker, the way dates and amounts are written from Babel.
"""

from __future__ import annotations

import datetime
import random
from collections.abc import Sequence
from decimal import Decimal
from functools import cache
from typing import TypeVar

from babel.dates import format_date
from babel.numbers import format_currency, format_decimal, get_currency_symbol
from faker import Faker

from recipes.documents.layout import Layout

__all__ = ["LOCALES", "Content"]

T = TypeVar("T")

LOCALES = {
    "en": ("en_US", "en_GB", "en_US", "en_GB", "en_CA", "en_IE"),
    "de": ("de_DE", "de_DE", "de_AT", "de_CH"),
    "fr": ("fr_FR", "fr_FR", "fr_BE", "fr_CH"),
    "es": ("es_ES", "es_ES", "es_MX"),
    "it": ("it_IT", "it_IT", "it_CH"),
}
CURRENCIES = {
    "US": "USD", "GB": "GBP", "CA": "CAD", "IE": "EUR", "DE": "EUR", "AT": "EUR", "CH": "CHF",
    "FR": "EUR", "BE": "EUR", "ES": "EUR", "MX": "MXN", "IT": "EUR",
}  # fmt: skip
# Standard and reduced rates of value-added or sales tax, in percent.
TAX_RATES = {
    "US": ("6.25", "7", "8.25", "8.875"), "GB": ("20", "5"), "CA": ("5", "13", "15"),
    "IE": ("23", "13.5"), "DE": ("19", "7"), "AT": ("20", "10"), "CH": ("8.1", "2.6"),
    "FR": ("20", "10", "5.5"), "BE": ("21", "6"), "ES": ("21", "10"), "MX": ("16",),
    "IT": ("22", "10"),
}  # fmt: skip
# '#' is a digit, '?' a capital letter.
TAX_IDS = {
    "US": ("##-#######",), "GB": ("GB#########", "GB ### #### ##"), "CA": ("#########RT0001",),
    "IE": ("IE#######?",), "DE": ("DE#########", "DE ### ### ###"), "AT": ("ATU########",),
    "CH": ("CHE-###.###.###", "CHE-###.###.### MWST"), "FR": ("FR###########", "FR ## ### ### ###"),
    "BE": ("BE0#########", "BE 0### ### ###"), "ES": ("?########", "ES?########"),
    "MX": ("???######???",), "IT": ("IT###########", "###########"),
}  # fmt: skip
DATE_PATTERNS = {
    "US": ("MM/dd/yyyy", "MMM d, yyyy", "MMMM d, yyyy", "yyyy-MM-dd", "M/d/yy", "dd-MMM-yyyy"),
    "en": ("dd/MM/yyyy", "d MMMM yyyy", "dd MMM yyyy", "yyyy-MM-dd", "d/M/yy", "dd-MM-yyyy"),
    "de": ("dd.MM.yyyy", "dd.MM.yy", "d. MMMM yyyy", "d.M.yyyy", "yyyy-MM-dd", "d. MMM yyyy"),
    "fr": ("dd/MM/yyyy", "d MMMM yyyy", "dd/MM/yy", "dd-MM-yyyy", "dd.MM.yyyy", "d MMM yyyy"),
    "es": ("dd/MM/yyyy", "d 'de' MMMM 'de' yyyy", "dd-MM-yyyy", "d/M/yy", "dd MMM yyyy"),
    "it": ("dd/MM/yyyy", "d MMMM yyyy", "dd-MM-yyyy", "dd.MM.yyyy", "d/M/yy", "dd MMM yyyy"),
}
# Faker has everyday words, and some countries' addresses, in these locales only.
WORDS = {"en": "en_US", "de": "de_DE", "fr": "fr_FR", "es": "es_ES", "it": "it_IT"}
NAMES = {"fr_BE": "fr_FR", "it_CH": "it_IT"}
COMPANY_NAMES = {
    "en": ("{} {}", "{} & {}", "{} {} Group", "The {} {} Company", "{}-{}", "{} {} Services"),
    "de": ("{} {}", "{} & {}", "{}-{}", "{} und {}", "Gebr. {} {}", "Autohaus {}", "Bäckerei {}"),
    "fr": ("{} {}", "{} et {}", "Maison {}", "Établissements {}", "{}-{}", "Ateliers {} {}"),
    "es": ("{} {}", "{} y {}", "Hermanos {}", "Talleres {}", "Grupo {} {}", "Distribuciones {}"),
    "it": ("{} {}", "{} e {}", "Fratelli {}", "Officine {}", "Gruppo {} {}", "Ditta {}"),
}
COMPANY_FORMS = {
    "US": ("Inc.", "LLC", "Corp.", "Co.", "", "Ltd."), "GB": ("Ltd", "Limited", "PLC", "LLP", ""),
    "CA": ("Inc.", "Ltd.", "Corp."), "IE": ("Ltd", "DAC"),
    "DE": ("GmbH", "AG", "KG", "GmbH & Co. KG", "OHG", "e.K.", "UG", ""), "AT": ("GmbH", "e.U."),
    "CH": ("AG", "GmbH", "SA", "Sagl"), "FR": ("SARL", "SAS", "SA", "EURL", ""),
    "BE": ("SPRL", "SA", "SRL"), "ES": ("S.L.", "S.A.", "SL", "S.L.U.", ""),
    "MX": ("S.A. de C.V.", "S.C."), "IT": ("S.r.l.", "S.p.A.", "SRL", "S.n.c.", "S.a.s.", ""),
}  # fmt: skip


@cache
def _faker(locale: str) -> Faker:
    return Faker(locale, use_weighting=False)


class Content:
    """A seller of words: everything that one document says, the same for the same seed.

    Args:
        layout: gives the language, the locale, and how dates and amounts are written.
        seed: of the document.
    """

    def __init__(self, layout: Layout, seed: int) -> None:
        self.layout = layout
        self.language = layout.language
        self.locale = layout.pick("locale", LOCALES[layout.language])
        self.country = self.locale[-2:]
        self.currency = CURRENCIES[self.country]
        self.random = random.Random(f"{layout.kind} {layout.number} {layout.language} {seed}")
        self.fake = _faker(NAMES.get(self.locale, self.locale))
        self.words = _faker(WORDS[self.language])
        for each in (self.fake, self.words):
            each.seed_instance(self.random.getrandbits(48))

    # -- choices -----------------------------------------------------------------------------------

    def choose(self, options: Sequence[T]) -> T:
        """One of the options."""
        return self.random.choice(options)

    def chance(self, probability: float) -> bool:
        """True with a probability."""
        return self.random.random() < probability

    def digits(self, pattern: str) -> str:
        """A pattern with '#' as a digit and '?' as a capital letter."""
        return "".join(
            self.random.choice("0123456789")
            if mark == "#"
            else self.random.choice("ABCDEFGHJKLMNPQRSTUVWXYZ")
            if mark == "?"
            else mark
            for mark in pattern
        )

    # -- names -------------------------------------------------------------------------------------

    def person(self) -> str:
        """First and last name."""
        return f"{self.fake.first_name()} {self.fake.last_name()}"

    def company(self) -> str:
        """A company's name with its legal form."""
        if self.chance(0.3):
            return str(self.fake.company())
        pattern = self.choose(COMPANY_NAMES[self.language])
        words = [
            self.fake.last_name() if self.chance(0.6) else self.words.word().capitalize()
            for _ in range(2)
        ]
        form = self.choose(COMPANY_FORMS[self.country])
        return f"{pattern.format(*words)} {form}".strip()

    def address(self) -> list[str]:
        """Two to four lines: street, place, sometimes the country."""
        street = " ".join(str(self.fake.street_address()).split())
        city, code = str(self.fake.city()), str(self.fake.postcode())
        if self.country == "US":
            lines = [street, f"{city}, {self.fake.state_abbr()} {code}"]
        elif self.country in ("GB", "IE", "CA"):
            lines = [street, city, code] if self.chance(0.5) else [street, f"{city} {code}"]
        else:
            lines = [street, f"{code} {city}"]
        if self.chance(0.2):
            lines.append(str(self.fake.current_country()))
        return lines

    def phone(self) -> str:
        """A telephone number."""
        return str(self.fake.phone_number())

    def email(self, name: str = "") -> str:
        """An e-mail address, of `name` if given."""
        if not name:
            return str(self.fake.email())
        user = "".join(c for c in name.lower().replace(" ", ".") if c.isascii()).strip(".")
        return f"{user or 'info'}@{self.fake.domain_name()}"

    def website(self) -> str:
        """A website's address."""
        return f"www.{self.fake.domain_name()}"

    def tax_id(self) -> str:
        """A tax number in the country's form."""
        return self.digits(self.choose(TAX_IDS[self.country]))

    def iban(self) -> str:
        """An IBAN with right check digits, in groups of four as the layout has it."""
        raw = str(self.fake.iban())
        if self.layout.chance("iban in groups", 0.75):
            return " ".join(raw[i : i + 4] for i in range(0, len(raw), 4))
        return raw

    def sentence(self, words: int = 9) -> str:
        """A sentence of everyday words."""
        return str(self.words.sentence(nb_words=words))

    def text(self, sentences: int = 4) -> str:
        """A few sentences."""
        return " ".join(self.sentence(self.random.randint(6, 14)) for _ in range(sentences))

    # -- dates and amounts -------------------------------------------------------------------------

    def day(self, first: int = 2015, last: int = 2029) -> datetime.date:
        """A day in these years."""
        start = datetime.date(first, 1, 1).toordinal()
        end = datetime.date(last, 12, 31).toordinal()
        return datetime.date.fromordinal(self.random.randint(start, end))

    def date(self, day: datetime.date, name: str = "date pattern") -> str:
        """A day as the layout writes it."""
        patterns = DATE_PATTERNS["US" if self.country == "US" else self.language]
        pattern = self.layout.pick(name, patterns)
        return str(format_date(day, pattern, locale=self.locale))

    def tax_rate(self) -> Decimal:
        """A rate of tax in percent."""
        return Decimal(self.choose(TAX_RATES[self.country]))

    def number(self, value: Decimal | float, places: int = 2) -> str:
        """A number as the layout writes it, without a currency."""
        grouped = self.layout.chance("thousands are grouped", 0.75)
        pattern = ("#,##0" if grouped else "0") + ("." + "0" * places if places else "")
        # Some printers put plain blanks and dots where the locale has special ones.
        written = str(format_decimal(value, pattern, locale=self.locale))
        return written.replace("\u202f", " ").replace("\xa0", " ").replace("\u2019", "'")

    def money(self, amount: Decimal | float, name: str = "money style") -> str:
        """An amount as the layout writes it: bare, or with the currency's sign or code."""
        style = self.layout.pick(
            name, ("bare", "sign", "bare", "code after", "sign", "code before")
        )
        number = self.number(amount)
        if style == "bare":
            return number
        if style == "code after":
            return f"{number} {self.currency}"
        if style == "code before":
            return f"{self.currency} {number}"
        sign = str(get_currency_symbol(self.currency, locale=self.locale))
        after = str(
            format_currency(1, self.currency, locale=self.locale, format_type="standard")
        ).endswith(sign)
        return f"{number} {sign}" if after else f"{sign}{number}"
