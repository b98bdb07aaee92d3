"""Business prose: sentences, captions, headings and titles of five languages, filled with content.

The texts stand in `prose/<language>.txt`: first lists (a key and its options), then sections of
sentences, one a line. "{a|b}" is one of several wordings, "<amount>" a slot that is filled anew
each time, "@amount_due" a value that the document says elsewhere too, printed under its field.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

from babel.dates import get_month_names

from recipes.documents.content import Content
from recipes.documents.layout import HELD_OUT, Layout

__all__ = ["Part", "Prose"]

Part = tuple[str, str | None]
"""A piece of text and the field that it belongs to."""

TEXTS = Path(__file__).parent / "prose"
WORDING = re.compile(r"\{([^{}]*)\}")
SLOT = re.compile(r"<(\w+)>")
VALUE = re.compile(r"@(\w+)")
# One sentence in so many is random words, as no list of sentences is ever long enough.
RANDOM = 0.07


@cache
def _texts(language: str) -> dict[str, tuple[str, ...]]:
    texts: dict[str, tuple[str, ...]] = {}
    section, lines = "", list[str]()
    for line in (TEXTS / f"{language}.txt").read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        if line.startswith("["):
            section, lines = line.strip("[]"), []
        elif section:
            lines.append(line)
            texts[section] = tuple(lines)
        else:
            key, _, options = line.partition(": ")
            texts[key] = tuple(option.strip() for option in options.split(";"))
    return texts


class Prose:
    """The words of one document.

    Args:
        layout: picks captions, headings and titles.
        content: picks sentences, and fills their slots.
    """

    def __init__(self, layout: Layout, content: Content) -> None:
        self.layout = layout
        self.content = content
        self.texts = _texts(layout.language)
        self.values: dict[str, str] = {}
        self.known: dict[str, str] = {}  # slots that stand for one thing all over the document
        self._left: dict[str, list[str]] = {}

    # -- the template's words ----------------------------------------------------------------------

    def fixed(self, key: str) -> str:
        """A text that all documents of the layout share, such as a heading."""
        return self.fill(self.layout.pick(key, self.texts[key]))

    def caption(self, key: str) -> str:
        """The printed label of a field."""
        return self.fixed(f"caption.{key}")

    def head(self, key: str) -> list[str]:
        """The column heads of a table."""
        return [head.strip() for head in self.layout.pick(key, self.texts[key]).split(",")]

    # -- the document's words ----------------------------------------------------------------------

    def word(self, key: str) -> str:
        """One option of a list, another one at each call until all are used."""
        return self.fill(self._next(key))

    def sentence(self, key: str) -> list[Part]:
        """A sentence of a section, another one at each call until all are used."""
        if self.content.chance(RANDOM) and not key.endswith((".open", ".table", ".finding")):
            return [(self.content.sentence(self.content.random.randint(6, 13)), None)]
        return self.parts(self._next(key))

    def plain(self, key: str) -> str:
        """A sentence as a text."""
        return " ".join(text for text, _ in self.sentence(key))

    def passage(self, key: str, sentences: int) -> list[Part]:
        """Several sentences of a section."""
        return [part for _ in range(sentences) for part in self.sentence(key)]

    def _next(self, key: str) -> str:
        left = self._left.get(key)
        if not left:
            options = list(self.texts[key])
            if self.layout.split != "test" and len(options) >= 4:
                options = options[: len(options) - round(len(options) * HELD_OUT / 2)]
            self.content.random.shuffle(options)
            left = self._left[key] = options
        return left.pop()

    # -- slots -------------------------------------------------------------------------------------

    def fill(self, text: str) -> str:
        """A text with its wordings chosen and its slots filled."""
        text = WORDING.sub(lambda found: self.content.choose(found[1].split("|")), text)
        return SLOT.sub(lambda found: self._slot(found[1]), text)

    def parts(self, text: str) -> list[Part]:
        """The same as parts; what "@name" stands for is a part of its own, with its field."""
        parts: list[Part] = []
        for place, piece in enumerate(VALUE.split(self.fill(text))):
            if place % 2:
                parts.append((self.values.get(piece, "-"), piece))
            elif piece.strip():
                parts.append((piece.strip(), None))
        return parts

    def _slot(self, name: str) -> str:
        if name in self.known:
            return self.known[name]
        fill = SLOTS.get(name)
        return fill(self) if fill else self.word(PLURALS[name])

    def percent(self) -> str:
        """A percentage as the language writes it."""
        sign = "%" if self.layout.language == "en" else " %"
        places = self.content.random.randint(0, 1)
        return self.content.number(self.content.random.randint(5, 240) / 10, places) + sign

    def month(self) -> str:
        """The name of a month."""
        names: Sequence[str] = get_month_names(locale=self.content.locale)
        return str(names[self.content.random.randint(1, 12)])

    def amount(self, low: float = 20, high: float = 9000) -> str:
        """An amount of money, mostly with its currency."""
        style = "money style" if self.layout.chance("money in prose", 0.3) else "money in sentences"
        return self.content.money(round(self.content.random.uniform(low, high), 2), style)

    def number(self) -> str:
        """The number of an order, a policy, a file."""
        patterns = ("######", "##-####", "?-#####", "####/##", "??####", "########", "#### ###")
        return self.content.digits(self.layout.pick("number pattern", patterns))


PLURALS = {
    "job": "jobs",
    "subject": "subjects",
    "goods": "goods",
    "services": "services",
    "department": "departments",
    "ordinal": "ordinals",
}
SLOTS: dict[str, Callable[[Prose], str]] = {
    "amount": Prose.amount,
    "city": lambda prose: str(prose.content.fake.city()),
    "company": lambda prose: prose.content.company(),
    "date": lambda prose: prose.content.date(prose.content.day()),
    "days": lambda prose: str(prose.content.choose((7, 8, 10, 14, 21, 30))),
    "first": lambda prose: str(prose.content.fake.first_name()),
    "founded": lambda prose: str(prose.content.random.randint(1890, 2019)),
    "last": lambda prose: str(prose.content.fake.last_name()),
    "month": Prose.month,
    "n": lambda prose: str(prose.content.random.randint(2, 9)),
    "n2": lambda prose: str(prose.content.random.randint(11, 480)),
    "number": Prose.number,
    "percent": Prose.percent,
    "person": lambda prose: prose.content.person(),
    "year": lambda prose: str(prose.content.random.randint(2015, 2029)),
}
