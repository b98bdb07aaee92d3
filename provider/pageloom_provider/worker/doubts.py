"""Why a person should look at a document: what is doubtful about its fields."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from typing import TYPE_CHECKING, Annotated, NamedTuple

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

if TYPE_CHECKING:
    from spacy.tokens import Doc

__all__ = ["TODAY", "DateRange", "Doubt", "ReviewRules", "is_of_position", "parse_review_rules"]

TODAY = "today"


def _is_day(text: str) -> str:
    if text != TODAY:
        try:
            date.fromisoformat(text)
        except ValueError:
            raise ValueError(f'a day is written 2024-03-31, or "{TODAY}"') from None
    return text


Day = Annotated[str, AfterValidator(_is_day)]
Share = Annotated[float, Field(ge=0, le=1)]


class Doubt(NamedTuple):
    """One thing that is doubtful, and the labels of the fields that it concerns."""

    labels: tuple[str, ...]
    message: str


class DateRange(BaseModel):
    """Between which days a date lies, both included; "today" is the day of the task."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    earliest: Day | None = None
    latest: Day | None = None

    def misses(self, day: str, today: date) -> str | None:
        """Why a day, in ISO's form, is out of the range; None where it is in it."""
        if self.earliest and day < (earliest := self._day(self.earliest, today)):
            return f"{day} is before {earliest}"
        if self.latest and day > (latest := self._day(self.latest, today)):
            return f"{day} is after {latest}"
        return None

    @staticmethod
    def _day(text: str, today: date) -> str:
        return today.isoformat() if text == TODAY else text


class ReviewRules(BaseModel):
    """Which documents a person looks at; one rule that a document breaks is enough.

    Args:
        min_confidence: the least score of a label's best field, for all labels or by label.
        checks: whether checks that failed count (`doc._.checks`), or the names of those that do.
            Checks of positions count by name only.
        required: labels that a document must have a field of.
        dates: label -> range of days.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    min_confidence: Share | dict[str, Share] = 0.8
    checks: bool | tuple[str, ...] = True
    required: tuple[str, ...] = ()
    dates: dict[str, DateRange] = Field(default_factory=dict)

    def doubts(self, doc: Doc, today: date) -> list[Doubt]:
        """What is doubtful about a document; empty where nobody needs to look at it."""
        return [
            *self._missing(doc),
            *self._unsure(doc),
            *self._failed(doc),
            *self._out_of_range(doc, today),
        ]

    def _missing(self, doc: Doc) -> Iterator[Doubt]:
        for label in self.required:
            if not doc._.fields.get(label):
                yield Doubt((label,), f"no {label}")

    def _unsure(self, doc: Doc) -> Iterator[Doubt]:
        for label, found in doc._.fields.items():
            if isinstance(self.min_confidence, dict):
                least = self.min_confidence.get(label)
            else:
                least = None if is_of_position(label) else self.min_confidence
            if found and least is not None and found[0].score < least:
                message = f"{label} has confidence {found[0].score:.2f} of {least:.2f}"
                yield Doubt((label,), message)

    def _failed(self, doc: Doc) -> Iterator[Doubt]:
        for check in doc._.checks:
            if isinstance(self.checks, bool):
                counts = self.checks and not any(map(is_of_position, check.labels))
            else:
                counts = check.name in self.checks
            if counts and not check.passed:
                yield Doubt(tuple(check.labels), f"{check.name}: {check.message}")

    def _out_of_range(self, doc: Doc, today: date) -> Iterator[Doubt]:
        for label, days in self.dates.items():
            found = doc._.fields.get(label)
            if not found:
                continue
            value = found[0].value
            reason = "it is no date" if value is None else days.misses(value, today)
            if reason:
                yield Doubt((label,), f"{label}: {reason}")


def is_of_position(label: str) -> bool:
    """Whether fields of a label are parts of positions, of which a document has many."""
    from pageloom.fields.line_items import ITEM_PREFIXES

    return label.startswith(ITEM_PREFIXES)


def parse_review_rules(**rules: object) -> ReviewRules:
    """Rules from plain values; those that are None have their defaults.

    Raises:
        ValueError: One of them is not what it must be.
    """
    given = {name: _plain(value) for name, value in rules.items() if value is not None}
    try:
        return ReviewRules.model_validate(given)
    except ValidationError as error:
        reasons = "; ".join(
            f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in error.errors()
        )
        raise ValueError(f"no rules for a review: {given!r} ({reasons})") from error


def _plain(value: object) -> object:
    return (
        tuple(value) if isinstance(value, Iterable) and not isinstance(value, dict | str) else value
    )
