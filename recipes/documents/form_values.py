"""What people write into the fields of a form."""

from __future__ import annotations

import datetime
from collections.abc import Callable

from recipes.documents.content import Content
from recipes.documents.wording import variants

__all__ = ["Person", "amount", "mask"]

CARS = (
    "VW Golf", "Ford Focus", "Toyota Corolla", "Renault Clio", "Fiat Panda", "Seat Ibiza",
    "BMW 320d", "Opel Corsa", "Honda Civic", "Peugeot 208", "Skoda Octavia", "Volvo V60",
)  # fmt: skip
PLATES = {
    "en": ("??## ???", "#???###", "???-####"), "de": ("?? ?? ###", "?-?? ####"),
    "fr": ("??-###-??",), "es": ("#### ???",), "it": ("?? ### ??",),
}  # fmt: skip
ID_NUMBERS = {
    "en": ("#########", "?########"), "de": ("L##?#?###", "?########"),
    "fr": ("##??#####", "############"), "es": ("########?", "?#######?"), "it": ("??#######",),
}  # fmt: skip
SOCIAL_NUMBERS = {
    "en": ("###-##-####", "?? ## ## ## ?"), "de": ("## ###### ? ###",),
    "fr": ("# ## ## ## ### ### ##",), "es": ("## ######## ##",), "it": ("??????##?##?###?",),
}  # fmt: skip
TAX_NUMBERS = {
    "en": ("##-#######", "##########"), "de": ("## ### ### ###", "###/###/#####"),
    "fr": ("## ## ### ### ###",), "es": ("########?",), "it": ("###########",),
}  # fmt: skip


def mask(content: Content, table: str, key: str) -> str:
    """A name from a table of patterns with {city} and {name}."""
    pattern = content.choose(variants(content.layout, table, key))
    while "{name}" in pattern:
        pattern = pattern.replace("{name}", str(content.fake.last_name()), 1)
    return pattern.replace("{city}", str(content.fake.city()))


def amount(content: Content, low: float = 20, high: float = 4000) -> str:
    """Some money."""
    value = content.random.uniform(low, high)
    return content.money(round(value, 0 if content.chance(0.4) else 2))


class Person:
    """Who fills in a form: the same person in all its fields."""

    def __init__(self, content: Content) -> None:
        self.content = content
        fake = content.fake
        self.first, self.last = str(fake.first_name()), str(fake.last_name())
        self.street = " ".join(str(fake.street_address()).split())
        self.code, self.city = str(fake.postcode()), str(fake.city())
        self.country = str(fake.current_country())
        self.born = content.day(1940, 2008)
        self.today = content.day(2015, 2027)
        self.later = self.today + datetime.timedelta(days=content.random.randint(5, 200))

    def word(self, key: str) -> str:
        """One of the values of a table."""
        return self.content.choose(variants(self.content.layout, "form_values", key))

    def value(self, maker: str) -> str:
        """The value of a field; `maker` is the first note of its section in the tables."""
        make = MAKERS.get(maker)
        return make(self) if make else self.word(maker)

    def numbered(self, patterns: dict[str, tuple[str, ...]]) -> str:
        """A number as the language's country writes it, one form for a layout."""
        layout = self.content.layout
        return self.content.digits(layout.pick("number", patterns[layout.language]))

    def day(self, low: int, high: int) -> str:
        """A day so many days after today."""
        days = datetime.timedelta(days=self.content.random.randint(low, high))
        return self.content.date(self.today + days)


def _code(content: Content, name: str) -> str:
    """A number of an office, of one form for a layout."""
    patterns = (
        "######", "##-####", "????-####", "2###/####", "?-######", "########", "### ### ###",
        "??##-####", "#####/2#", "?.##.####-##", "##.###.##",
    )  # fmt: skip
    return content.digits(content.layout.pick(name, patterns))


def _clock(person: Person) -> str:
    hour, minute = person.content.random.randint(0, 23), person.content.random.randint(0, 59)
    if person.content.country == "US":
        return f"{hour % 12 or 12}:{minute:02} {'am' if hour < 12 else 'pm'}"
    return f"{hour:02}:{minute:02}"


def _height(person: Person) -> str:
    tall = person.content.random.randint(148, 199)
    if person.content.country == "US":
        return f"{tall // 30} ft {tall % 12} in"
    return f"{tall} cm"


def _weight(person: Person) -> str:
    heavy = person.content.random.randint(47, 118)
    return f"{heavy * 2} lbs" if person.content.country == "US" else f"{heavy} kg"


def _insurer(person: Person) -> str:
    return mask(person.content, "form_text", "mask:insurer")


MAKERS: dict[str, Callable[[Person], str]] = {
    "last_name": lambda person: person.last,
    "first_name": lambda person: person.first,
    "full_name": lambda person: (
        f"{person.last}, {person.first}"
        if person.content.layout.chance("last name first", 0.3)
        else f"{person.first} {person.last}"
    ),
    "full_name_other": lambda person: person.content.person(),
    "account_holder": lambda person: f"{person.first} {person.last}",
    "child_name": lambda person: f"{person.content.fake.first_name()} {person.last}",
    "doctor": lambda person: f"Dr. {person.content.fake.last_name()}",
    "birth_date": lambda person: person.content.date(person.born),
    "recent_date": lambda person: person.day(-20, 0),
    "past_date": lambda person: person.day(-2500, -20),
    "future_date": lambda person: person.content.date(person.later),
    "later_date": lambda person: person.content.date(person.later + datetime.timedelta(days=9)),
    "place_date": lambda person: f"{person.city}, {person.content.date(person.today)}",
    "year": lambda person: str(person.today.year),
    "clock": _clock,
    "city": lambda person: person.city,
    "street": lambda person: person.street,
    "postal_code": lambda person: person.code,
    "country": lambda person: person.country,
    "full_address": lambda person: f"{person.street}, {person.code} {person.city}",
    "other_address": lambda person: ", ".join(person.content.address()),
    "place": lambda person: (
        f"{' '.join(str(person.content.fake.street_name()).split())}, {person.content.fake.city()}"
    ),
    "phone": lambda person: person.content.phone(),
    "email": lambda person: person.content.email(f"{person.first} {person.last}"),
    "company": lambda person: person.content.company(),
    "school": lambda person: mask(person.content, "form_text", "mask:school"),
    "insurer": _insurer,
    "bank": lambda person: mask(person.content, "form_values", "bank"),
    "id_number": lambda person: person.numbered(ID_NUMBERS),
    "social_number": lambda person: person.numbered(SOCIAL_NUMBERS),
    "tax_number": lambda person: person.numbered(TAX_NUMBERS),
    "plate": lambda person: person.numbered(PLATES),
    "reference": lambda person: _code(person.content, "reference"),
    "customer_number": lambda person: _code(person.content, "customer number"),
    "order_number": lambda person: _code(person.content, "order number"),
    "policy": lambda person: _code(person.content, "policy"),
    "insurance_number": lambda person: person.content.digits("?#########"),
    "serial": lambda person: person.content.digits("SN-??######"),
    "vin": lambda person: person.content.digits("W??ZZZ??#########"),
    "tariff": lambda person: person.content.digits("####.##"),
    "creditor": lambda person: person.content.digits(f"{person.content.country}##ZZZ0#########"),
    "bic": lambda person: person.content.digits(f"????{person.content.country}##???"),
    "iban": lambda person: person.content.iban(),
    "car": lambda person: person.content.choose(CARS),
    "mileage": lambda person: person.content.number(person.content.random.randint(900, 220000), 0),
    "kilograms": lambda person: (
        f"{person.content.number(person.content.random.uniform(0.1, 20), 2)} kg"
    ),
    "small_number": lambda person: str(person.content.random.randint(1, 9)),
    "school_class": lambda person: (
        f"{person.content.random.randint(1, 10)}{person.content.choose('abcABC')}"
    ),
    "licence_class": lambda person: person.content.choose(("B", "BE", "A1", "C1", "A, B")),
    "blood_type": lambda person: person.content.choose(("A+", "A-", "B+", "0+", "0-", "AB+")),
    "height": _height,
    "weight": _weight,
    "amount": lambda person: amount(person.content),
}
