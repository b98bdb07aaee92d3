"""Questions about drawn pages, and where the words of their answers are."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import Literal

from recipes.docqa_sm.native import NATIVE
from recipes.docqa_sm.phrases import (
    ALIKE,
    ANY_NOUN,
    CAPTION,
    NATIVE_CAPTION,
    NEAR,
    NOUNS,
    OF_ROW,
    RELATED,
    SORT_NOUN,
    SORTS,
    WHOLE,
    Part,
    split_phrases,
)
from recipes.documents.dataset import Example
from recipes.documents.sheet import Word

__all__ = ["Form", "Key", "Known", "Question", "ask", "places", "plain", "values"]

Key = tuple[str, int]
Form = Literal["field", "caption", "row", "absent"]

# What a page may well say without a field of its own, and so is never asked for as missing.
NEVER_ABSENT = {"currency", "language", "skill", "title", "department", "address", "name", "bank",
                "tax_rate", "payment_terms", "website", "contact"}  # fmt: skip
ROW_WORDS = 6
"""A row is called by a cell of at most so many words."""


@dataclass(frozen=True)
class Question:
    """What is asked of a page.

    Args:
        text: the question.
        keys: the fields that answer it, each of them rightly; none where the page has no answer.
        form: how it is asked: by what a field means, by its printed caption, by a table's row; or
            for something that is not there.
        answers: the values' texts.
    """

    text: str
    keys: tuple[Key, ...]
    form: Form
    answers: tuple[str, ...]


class Known:
    """Fields and captions of the pages so far: what may be asked of a page that lacks them."""

    def __init__(self) -> None:
        self.by_kind: dict[str, set[str]] = {}
        self.captions: dict[str, dict[str, set[str]]] = {}

    def add(self, page: Example) -> None:
        """Remember a page's."""
        named = self.by_kind.setdefault(page.kind, set())
        named.update(_bare(word.field) for word in page.words if word.field is not None)
        for (field, _), caption in page.captions.items():
            here = self.captions.setdefault(page.language, {})
            here.setdefault(_bare(field), set()).add(_label(caption))


# -- values on a page ------------------------------------------------------------------------------


def values(words: Sequence[Word]) -> dict[Key, list[tuple[int, int]]]:
    """Each field's unbroken runs of words, as first and last place (exclusive)."""
    found: dict[Key, list[tuple[int, int]]] = {}
    last: Key | None = None
    for place, word in enumerate(words):
        key = None if word.field is None else (word.field, word.group)
        if key is not None:
            runs = found.setdefault(key, [])
            if key == last:
                runs[-1] = (runs[-1][0], place + 1)
            else:
                runs.append((place, place + 1))
        last = key
    return found


def places(question: Question, words: Sequence[Word]) -> list[tuple[int, int]]:
    """Where the answers are: runs of words, the first first.

    A value whose words other words interrupt, as those of an address in a column may be when a page
    is read row by row, has no place. Runs are told by their lengths, since noise changes letters.
    """
    found = values(words)
    sizes = [len(plain(answer)) for answer in question.answers]

    def whole(run: tuple[int, int]) -> bool:
        here = sum(len(plain(word.text)) for word in words[run[0] : run[1]])
        return any(abs(here - size) <= 1 + size // 6 for size in sizes)

    return sorted(run for key in question.keys for run in found.get(key, ()) if whole(run))


def value_texts(words: Sequence[Word]) -> dict[Key, str]:
    """Each field's text; of one that stands in several places in the same words, once."""
    texts = {}
    for key, runs in values(words).items():
        parts = [" ".join(word.text for word in words[start:end]) for start, end in runs]
        same = len({plain(part) for part in parts}) == 1
        texts[key] = parts[0] if same else " ".join(parts)
    return texts


def plain(text: str) -> str:
    """A text without case, accents, blanks and punctuation."""
    parts = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in parts if c.isalnum())


# -- asking ----------------------------------------------------------------------------------------


def ask(
    page: Example,
    chance: random.Random,
    count: int,
    known: Known,
    *,
    part: Part = "train",
    absent: float = 0.2,
) -> list[Question]:
    """At most `count` different questions about a page, about the share `absent` of them without
    an answer. `part` says which phrases may be used.
    """
    texts = value_texts(page.words)
    forms = [
        _by_meaning(page, texts, chance, known, part),
        _by_caption(page, texts, chance, part),
        _by_row(texts, chance, known, part),
    ]
    missing = _missing(page, texts, chance, known, part)
    found: dict[str, Question] = {}
    without = round(count * absent + chance.uniform(-0.5, 0.5))
    for _ in range(4 * count):
        if len(found) >= count - without:
            break
        question = next(chance.choices(forms, (0.5, 0.35, 0.15))[0], None)
        if question is not None:
            found.setdefault(question.text, question)
    # A page with little to ask for is asked for little that it lacks.
    without = min(without, 1 + len(found))
    for question in islice((q for q in islice(missing, 20 * count) if q is not None), without):
        found.setdefault(question.text, question)
    return list(found.values())


def _by_meaning(
    page: Example, texts: Mapping[Key, str], chance: random.Random, known: Known, part: Part
) -> Iterator[Question]:
    """What the document's kinds of fields are asked for, whatever their captions are."""
    groups: dict[str, list[Key]] = {}
    for key in texts:
        groups.setdefault(key[0], []).append(key)
    # Of several values of one field, none is the answer unless they are all the same.
    clear = [
        (field, keys)
        for field, keys in groups.items()
        if len({plain(texts[key]) for key in keys}) == 1
    ]
    while clear:
        field, keys = chance.choice(clear)
        answers = tuple(dict.fromkeys(texts[key] for key in keys))
        yield Question(
            _named(field, page.language, chance, known, part), tuple(keys), "field", answers
        )


def _by_caption(
    page: Example, texts: Mapping[Key, str], chance: random.Random, part: Part
) -> Iterator[Question]:
    """Values by the caption that is printed for them; of equal captions each is right."""
    labelled: dict[str, list[Key]] = {}
    for key, caption in page.captions.items():
        if key in texts and plain(caption):
            labelled.setdefault(plain(caption), []).append(key)
    # A caption over many values, such as the head of a column, asks for none of them.
    single = [keys for keys in labelled.values() if len({plain(texts[key]) for key in keys}) <= 2]
    while single:
        keys = chance.choice(single)
        text = _captioned(page.captions[keys[0]], page.language, chance, part)
        answers = tuple(dict.fromkeys(texts[key] for key in keys))
        yield Question(text, tuple(keys), "caption", answers)


def _by_row(
    texts: Mapping[Key, str], chance: random.Random, known: Known, part: Part
) -> Iterator[Question]:
    """A table's cell by another of its row."""
    many: dict[str, int] = {}
    for field, _ in texts:
        many[field] = many.get(field, 0) + 1
    rows: dict[tuple[str, int], list[str]] = {}
    for field, group in texts:
        if many[field] >= 2:
            rows.setdefault((_table(field), group), []).append(field)
    pairs: list[tuple[str, Key]] = []
    for (_, group), fields in rows.items():
        for field in fields:
            called = texts[field, group]
            same = sum(plain(texts[key]) == plain(called) for key in texts if key[0] == field)
            letters = sum(c.isalpha() for c in called)
            if same == 1 and letters >= 3 and len(called.split()) <= ROW_WORDS:
                pairs += [(called, (other, group)) for other in fields if other != field]
    while pairs:
        row, key = chance.choice(pairs)
        noun = chance.choice(_nouns(key[0], known, part))
        shape = chance.choice(split_phrases(OF_ROW, part))
        text = _varied(shape.format(noun=noun, row=row.strip(" ,;:.")), chance)
        yield Question(text, (key,), "row", (texts[key],))


def _missing(
    page: Example, texts: Mapping[Key, str], chance: random.Random, known: Known, part: Part
) -> Iterator[Question | None]:
    """Questions for what is not on the page, and `None` where a try meets what is there."""
    here = {_bare(field) for field, _ in texts}
    near = sorted({other for field in here for other in NEAR.get(field, ())})
    same_kind = known.by_kind.get(page.kind, set())
    like, well_known = sorted(same_kind & NOUNS.keys()), sorted(NOUNS)
    printed = plain(" ".join(word.text for word in page.words))
    # Captions without a value, as forms have them that are not filled in.
    filled = {plain(caption) for key, caption in page.captions.items() if key in texts}
    empty = [
        caption
        for key, caption in page.captions.items()
        if key not in texts and plain(caption) and plain(caption) not in filled
    ]

    def lacks(field: str) -> bool:
        # A caption of the field that is printed here may have a value that nobody marked.
        names = known.captions.get(page.language, {}).get(field, set())
        stands = any(len(plain(name)) > 3 and plain(name) in printed for name in names)
        return not (stands or _related(field) & here or field.startswith("item_"))

    while True:
        what = chance.random()
        if what < 0.1 and empty:
            caption = chance.choice(empty)
            text = _captioned(caption, page.language, chance, part)
            yield Question(text, (), "absent", ())
            continue
        if what < 0.6:
            some = near if near and what < 0.25 else like if like and what < 0.45 else well_known
            field = chance.choice(some)
            asked = _named(field, page.language, chance, known, part)
            fits = field not in NEVER_ABSENT
        else:
            language = page.language if what < 0.95 else "en"
            labels = known.captions.get(language, {})
            named = sorted(labels.keys() & same_kind if what < 0.85 else labels)
            if not named:
                yield None
                continue
            field = chance.choice(named)
            caption = chance.choice(sorted(labels[field]))
            asked = _captioned(caption, language, chance, part)
            # A part of a caption that is printed here may ask for what is here.
            parts = [plain(each) for each in caption.split() if len(plain(each)) > 3]
            fits = bool(parts) and not any(each in printed for each in parts)
        # `None` where the page has it: a page that has everything must not be searched for ever.
        yield Question(asked, (), "absent", ()) if fits and lacks(field) else None


# -- wording ---------------------------------------------------------------------------------------


def _named(field: str, language: str, chance: random.Random, known: Known, part: Part) -> str:
    """A question for a field by its meaning; one of its phrases is held out in "test"."""
    bare = _bare(field)
    native = _own(NATIVE.get(language, {}).get(bare), part)
    if native and chance.random() < 0.2:
        return _varied(chance.choice(native), chance)
    whole = _own(WHOLE.get(bare), part)
    if whole and chance.random() < 0.4:
        return _varied(chance.choice(whole), chance)
    shapes, nouns = split_phrases(ANY_NOUN, part), _nouns(field, known, part)
    sort = _own(SORT_NOUN.get(_sorts().get(bare, "")), part)
    if sort and chance.random() < 0.35:
        shapes = sort
    shape, noun = chance.choice(shapes), chance.choice(nouns)
    if "name of" in shape and "name" in noun:
        shape = ANY_NOUN.partition("|")[0] if part == "train" else ANY_NOUN.rpartition("|")[2]
    return _varied(shape.format(noun), chance)


def _own(row: str | None, part: Part) -> list[str]:
    """The phrases of a row; none for "test" where it is too short to have any of its own."""
    if row is None or (part == "test" and row.count("|") < 3):
        return []
    return split_phrases(row, part)


def _nouns(field: str, known: Known, part: Part) -> list[str]:
    """What to call a field: for one that is not well known its key, and what English pages print
    before it.
    """
    bare = _bare(field)
    if bare in NOUNS:
        return split_phrases(NOUNS[bare], part)
    printed = known.captions.get("en", {}).get(bare, set())
    return [bare.replace("_", " "), *sorted(printed)[:20]]


def _captioned(caption: str, language: str, chance: random.Random, part: Part) -> str:
    shapes = CAPTION
    if language in NATIVE_CAPTION and chance.random() < 0.4:
        shapes = NATIVE_CAPTION[language]
    label = _label(caption)
    return _varied(chance.choice(split_phrases(shapes, part)).format(label), chance)


def _varied(text: str, chance: random.Random) -> str:
    """Now and then without the mark at its end, the way people type."""
    return text.rstrip("?. ") or text if chance.random() < 0.15 else text


def _label(caption: str) -> str:
    return caption.strip().rstrip(":.").strip() or caption


@cache
def _bare(field: str) -> str:
    name = field.removeprefix("x_").rpartition(":")[2]
    return ALIKE.get(name, name)


def _table(field: str) -> str:
    """What the fields of one table have in common."""
    return field.removeprefix("x_").partition(":")[0].partition("_")[0]


@cache
def _related(field: str) -> frozenset[str]:
    groups: Iterable[list[str]] = (row.split() for row in RELATED)
    return frozenset({field, *(each for row in groups if field in row for each in row)})


@cache
def _sorts() -> dict[str, str]:
    return {field: sort for sort, row in SORTS.items() for field in row.split()}
