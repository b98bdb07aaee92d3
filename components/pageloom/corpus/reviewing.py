"""What a person says of a document's fields: put into the `Doc`, with who said it and when.

The reviews of a document lie in `doc.user_data[REVIEWS]`, so `DocBin(store_user_data=True)` keeps
them. `doc._.fields` has the values as reviewed, each with the score 1.0; `doc.ents` and `doc.spans`
stay what the components found.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import accumulate
from typing import Any

from rapidfuzz.distance import Levenshtein
from spacy.tokens import Doc

from pageloom.document import Check, Field
from pageloom.fields import FieldValues, Hints, complete, normalise
from pageloom.fields.completing import plain
from pageloom.fields.values import Kind

__all__ = ["REVIEWS", "Review", "ReviewedField", "correct", "find_value", "places", "reviews_of"]

REVIEWS = "pageloom.reviews"
"""The key of `doc.user_data` that holds the reviews, the earliest first."""

# A value is at most so many words where it is looked for by its meaning.
_LONGEST_VALUE = 5
# Below this, words that were read badly are no longer taken for the value.
_LEAST_ALIKE_HERE, _LEAST_ALIKE = 0.5, 0.75
# Shorter texts are alike by chance.
_SHORTEST = 4

Range = tuple[int, int]


@dataclass(frozen=True)
class ReviewedField:
    """One value of a review.

    Args:
        label: of the field.
        read: the text that was read, of the best field; None where there was none.
        start: its first word.
        end: one past its last word; `start` where there was none.
        value: what the person says; None where the document has no such field.
        found: whether words of the document say the value.
    """

    label: str
    read: str | None
    start: int
    end: int
    value: str | None
    found: bool

    @property
    def corrected(self) -> bool:
        """Whether the person says something else than was read."""
        return self.read != self.value


@dataclass(frozen=True)
class Review:
    """What one person said of a document.

    Args:
        by: the person's name.
        by_id: what the program that asked calls the person; empty where it has no such thing.
        at: ISO 8601, with the time zone.
        fields: the values that were shown, corrected or not.
    """

    by: str
    by_id: str
    at: str
    fields: tuple[ReviewedField, ...]


def reviews_of(doc: Doc) -> list[Review]:
    """The reviews of a document, the earliest first."""
    data: dict[Any, Any] = doc.user_data
    return [
        Review(**{**kept, "fields": tuple(ReviewedField(**field) for field in kept["fields"])})
        for kept in data.get(REVIEWS) or ()
    ]


def correct(
    doc: Doc,
    values: Mapping[str, str | None],
    *,
    by: str,
    at: str,
    by_id: str = "",
    settings: FieldValues | None = None,
) -> Review:
    """Put what a person says into `doc._.fields`, and keep who said it.

    A value that was confirmed or corrected is the best field of its label, with the score 1.0 and
    the words of the document that say it: as they stand, by what they mean, or read badly at the
    place of the old value. A value that no words say has no page and no box. Values, checks and
    `checked` are made anew; each review is a check, too, that says who was here and when.

    Args:
        doc: changed in place.
        values: label -> text as a person would copy it from the page, or its meaning
            (`2024-03-31`); None or blank where the document has no such field.
        by: the person's name.
        at: ISO 8601.
        by_id: the person's identity where the name is none.
        settings: how the tagger read values.
    """
    settings = settings or FieldValues()
    hints = Hints.of(doc.text, settings)
    fields: dict[str, list[Field]] = doc._.fields
    reviewed = []
    for label, given in values.items():
        found = fields.get(label) or []
        best = found[0] if found else None
        read = None if best is None else _tidy(best.text)
        value = _tidy(given or "") or None
        if value is None:
            fields.pop(label, None)
            field = None
        elif best is not None and value == read:
            field = replace(best, score=1.0)
        else:
            field = _field(doc, value, find_value(doc, value, settings.kind(label), hints, best))
        if field is not None:
            gone = {(field.start, field.end)} | ({(best.start, best.end)} if best else set())
            fields[label] = [field, *(each for each in found if (each.start, each.end) not in gone)]
        start, end = (0, 0) if best is None else (best.start, best.end)
        placed = field is not None and field.end > field.start
        reviewed.append(ReviewedField(label, read, start, end, value, placed))
    complete(doc, list(values), settings)
    review = Review(by, by_id, at, tuple(reviewed))
    data: dict[Any, Any] = doc.user_data
    data[REVIEWS] = [*(data.get(REVIEWS) or ()), asdict(review)]
    doc._.checks.extend(map(_check, reviews_of(doc)))
    return review


def find_value(
    doc: Doc, value: str, kind: Kind = "text", hints: Hints | None = None, near: Field | None = None
) -> Range | None:
    """The words that say a value, as (first, one past the last); None where none do.

    Of several places the one nearest to `near` is taken; without it the last for amounts, which
    stand at a document's end, and the first for all else.

    Args:
        doc: with words.
        value: as printed, or for a kind other than text its meaning.
        kind: of the field's label.
        hints: how the document's values are to be read.
        near: the field as it was read.
    """
    found = places(doc, value) or _of_equal_meaning(doc, value, kind, hints) or []
    if not found:
        return _read_badly(doc, plain(value), near)
    if near is None or near.end <= near.start:
        return found[-1] if kind == "amount" else found[0]
    return min(found, key=lambda place: (_distance(doc, place, near), place))


def places(doc: Doc, text: str) -> list[Range]:
    """Where words of one page make up `text`, but for case, blanks and punctuation."""
    wanted = plain(text)
    words = [plain(token.text) for token in doc]
    offsets = [0, *accumulate(map(len, words))]
    whole = "".join(words)
    # Words without letters and digits take no room: a place begins and ends with words that do.
    starts = {offsets[at]: at for at, word in reversed([*enumerate(words)]) if word}
    ends = {offsets[at + 1]: at + 1 for at, word in enumerate(words) if word}
    found = []
    at = whole.find(wanted) if wanted else -1
    while at >= 0:
        start, end = starts.get(at), ends.get(at + len(wanted))
        if start is not None and end is not None and _on_one_page(doc, start, end):
            found.append((start, end))
        at = whole.find(wanted, at + 1)
    return found


def _of_equal_meaning(doc: Doc, value: str, kind: Kind, hints: Hints | None) -> list[Range]:
    """The shortest runs of words that mean the same as `value`."""
    meant = normalise(kind, value, hints)
    if meant is None or meant.text is None:
        return []
    digits = [any(sign.isdigit() for sign in token.text) for token in doc]
    for size in range(1, _LONGEST_VALUE + 1):
        found = [
            (start, start + size)
            for start in range(len(doc) - size + 1)
            if any(digits[start : start + size]) and _on_one_page(doc, start, start + size)
            and (read := normalise(kind, doc[start : start + size].text, hints)) is not None
            and read.text == meant.text
        ]  # fmt: skip
        if found:
            return found
    return []


def _read_badly(doc: Doc, wanted: str, near: Field | None) -> Range | None:
    """Words that are nearly the value: those at the old place, or the nearest in edit distance."""
    if near is not None and near.end > near.start:
        here = plain(doc[near.start : near.end].text)
        if Levenshtein.normalized_similarity(here, wanted) >= _LEAST_ALIKE_HERE:
            return near.start, near.end
    if len(wanted) < _SHORTEST:
        return None
    best: tuple[float, Range | None] = (_LEAST_ALIKE, None)
    for start, end, text in _runs(doc, int(len(wanted) / _LEAST_ALIKE) + 1):
        alike = Levenshtein.normalized_similarity(text, wanted, score_cutoff=best[0])
        if alike > best[0]:
            best = (alike, (start, end))
    return best[1]


def _runs(doc: Doc, longest: int) -> Iterator[tuple[int, int, str]]:
    """All runs of words of one page with at most `longest` letters and digits."""
    words: Sequence[str] = [plain(token.text) for token in doc]
    for start, first in enumerate(words):
        text = ""
        for end in range(start + 1, len(words) + 1 if first else 0):
            text += words[end - 1]
            if len(text) > longest or not _on_one_page(doc, start, end):
                break
            if words[end - 1]:
                yield start, end, text


def _check(review: Review) -> Check:
    """The review for those who look at the document's checks."""
    told = [
        f"{field.label} {field.read or 'none'} -> {field.value or 'none'}"
        for field in review.fields
        if field.corrected
    ]
    message = f"{review.by}, {review.at}: {'; '.join(told) or 'all as it was read'}"
    return Check("review", True, tuple(field.label for field in review.fields), message)


def _field(doc: Doc, value: str, place: Range | None) -> Field:
    if place is None:
        return Field(value, 1.0, None, None, 0, 0)
    span = doc[place[0] : place[1]]
    return Field(value, 1.0, span._.page, span._.box, *place)


def _distance(doc: Doc, place: Range, near: Field) -> float:
    """How far a place lies from a field: 0 where they share words, else by their boxes' middles."""
    if place[0] < near.end and near.start < place[1]:
        return 0.0
    span = doc[place[0] : place[1]]
    if span._.box is None or near.box is None or span._.page != near.page:
        return 1e6 + abs(place[0] - near.start)
    here, there = span._.box, near.box
    across = (here[0] + here[2] - there[0] - there[2]) / 2
    down = (here[1] + here[3] - there[1] - there[3]) / 2
    return float((across**2 + down**2) ** 0.5)


def _on_one_page(doc: Doc, start: int, end: int) -> bool:
    return bool(doc[start]._.page == doc[end - 1]._.page)


def _tidy(text: str) -> str:
    return " ".join(text.split())
