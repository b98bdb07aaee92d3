"""Gives the fields of a labelled receipt other values that could have stood there."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np

from pageloom.corpus.receipt_values import DATE, MONTHS, amount
from recipes.fields_sm.align import Receipt, word_boxes
from recipes.fields_sm.score import entities
from recipes.fields_sm.sroie import Line

__all__ = ["Word", "field_of", "other_amount", "other_date", "span_of", "with_other_values"]

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Word:
    """A word with its label, its box, its line's box (both 0-1000) and its line's number."""

    text: str
    label: str
    box: Box
    line_box: Box
    line: int


def field_of(label: str) -> str:
    """The field that a BIO label names; "" for O and `IGNORE`."""
    return label.partition("-")[2]


def span_of(words: Sequence[Word], name: str) -> list[tuple[int, int]]:
    """Where the field `name` stands: word ranges [start, end), in order."""
    found = entities([word.label for word in words])
    return sorted((start, end) for label, start, end in found if label == name)


def with_other_values(
    words: list[Word], pool: Sequence[Receipt], rng: np.random.Generator
) -> list[Word]:
    """Each field, by its own chance, with another value in every place where it stands."""
    if rng.random() < 0.6:
        words = _other_dates(words, rng)
    if rng.random() < 0.6:
        words = _other_totals(words, rng)
    for name, chance in (("company", 0.5), ("address", 0.5)):
        if pool and rng.random() < chance:
            words = _other_text(words, name, pool, rng)
    return words


# Dates

_DATE_FORMATS = (
    "{d:02}/{m:02}/{y}", "{d:02}/{m:02}/{y}", "{d:02}-{m:02}-{y}", "{d:02}/{m:02}/{s:02}",
    "{d:02}-{m:02}-{s:02}", "{d:02}.{m:02}.{y}", "{d:02}.{m:02}.{s:02}", "{d}/{m}/{y}",
    "{y}-{m:02}-{d:02}", "{y}/{m:02}/{d:02}", "{d:02} {M} {y}", "{d:02}-{M}-{y}", "{d:02}{M}{y}",
    "{d:02}/{M}/{y}", "{d:02} {M} {s:02}", "{M} {d}, {y}", "{m:02}/{d:02}/{y}", "{d}. {M} {y}",
)  # fmt: skip


def other_date(rng: np.random.Generator) -> str:
    """Some day between 2005 and 2030, printed in one of the usual ways."""
    day = date(2005, 1, 1) + timedelta(days=int(rng.integers(25 * 365)))
    shape = _DATE_FORMATS[rng.integers(len(_DATE_FORMATS))]
    month = MONTHS[day.month - 1]
    return shape.format(d=day.day, m=day.month, y=day.year, s=day.year % 100, M=month)


def _same_print(text: str, rng: np.random.Generator) -> str:
    """Another day, printed as `text` is: two-digit groups stay, so that rare forms are kept."""
    parts = re.split(r"(\d+|[A-Za-z]+)", text)
    for i, part in enumerate(parts):
        if part.isdigit() and len(part) == 4:
            parts[i] = str(int(rng.integers(2005, 2030)))
        elif part.isdigit() and len(part) <= 2:
            value = int(rng.integers(1, 13 if int(part) <= 12 else 29))
            parts[i] = f"{value:0{len(part)}}"[: max(len(part), 2)]
        elif part[:3].upper() in MONTHS:
            parts[i] = MONTHS[rng.integers(12)]
    return "".join(parts)


def _other_dates(words: list[Word], rng: np.random.Generator) -> list[Word]:
    renewed: dict[str, str] = {}
    for start, end in reversed(span_of(words, "date")):
        text = " ".join(word.text for word in words[start:end])
        match = DATE.search(text)
        if match is None:
            continue
        old = match[0]
        if old not in renewed:
            renewed[old] = _same_print(old, rng) if rng.random() < 0.5 else other_date(rng)
        new = text[: match.start()] + renewed[old] + text[match.end() :]
        words = [*words[:start], *_printed(words[start:end], new.split()), *words[end:]]
    return words


# Totals


def other_amount(rng: np.random.Generator) -> str:
    """An amount as receipts have them: mostly small, ending in 0 or 5 more often than not."""
    cents = int(np.exp(rng.normal(7.8, 1.2)))
    if rng.random() < 0.6:
        cents -= cents % 5
    cents = min(max(cents, 10), 99_999_99)
    whole = f"{cents // 100:,}" if rng.random() < 0.5 else str(cents // 100)
    return f"{whole}.{cents % 100:02}"


def _other_totals(words: list[Word], rng: np.random.Generator) -> list[Word]:
    """Every amount of the total's value, labelled or not, gets the new one; so roles stay clear."""
    values = {amount(words[end - 1].text) for _, end in span_of(words, "total")} - {None}
    if not values:
        return words
    new = other_amount(rng)
    currency = rng.random() < 0.15
    prefix = str(rng.choice(["RM", "$", "", "EUR", "€", "MYR", "USD", "£"]))
    result = []
    for word in words:
        if amount(word.text) not in values:
            result.append(word)
            continue
        text = re.sub(r"\d[\d,. ]*\d", new, word.text, count=1)
        if currency:
            text = prefix + re.sub(r"^[A-Z$€£]+", "", text)
        result.append(replace(word, text=text))
    return result


# Companies and addresses


def _other_text(
    words: list[Word], name: str, pool: Sequence[Receipt], rng: np.random.Generator
) -> list[Word]:
    """The name or address of another receipt in the place of this one's, on as many lines."""
    places = span_of(words, name)
    if not places:
        return words
    new = _texts(pool[int(rng.integers(len(pool)))], name)
    if rng.random() < 0.4:  # a name that nobody has: the front of one and the back of another
        other = _texts(pool[int(rng.integers(len(pool)))], name)
        new = new[: (len(new) + 1) // 2] + other[len(other) // 2 :]
    if name == "address" and rng.random() < 0.5:
        new = ["".join(_other_digit(c, rng) for c in word) for word in new]
    if not new:
        return words
    for start, end in reversed(places):
        words = [*words[:start], *_printed(words[start:end], new), *words[end:]]
    return words


def _texts(receipt: Receipt, name: str) -> list[str]:
    spans = [(start, end) for label, start, end in entities(receipt.labels) if label == name]
    return list(receipt.words[slice(*min(spans))]) if spans else []


def _other_digit(character: str, rng: np.random.Generator) -> str:
    return str(rng.integers(10)) if character.isdigit() else character


def _printed(old: Sequence[Word], texts: Sequence[str]) -> list[Word]:
    """`texts` in the place of the words `old`: on the same lines, labelled alike.

    Each line takes as many characters as its share of the old text was; its part of the line's
    box, from the first old word to the last, is divided among the new words by their widths.
    """
    lines: list[list[Word]] = []
    for word in old:
        if lines and lines[-1][0].line == word.line:
            lines[-1].append(word)
        else:
            lines.append([word])
    if len(texts) < len(lines):
        lines = lines[: len(texts)]
    share = np.cumsum([sum(len(w.text) + 1 for w in line) for line in lines], dtype=float)
    ends = share / share[-1] * sum(len(text) + 1 for text in texts)
    result: list[Word] = []
    taken, length = 0, 0.0
    for number, line in enumerate(lines):
        left_over = len(lines) - number - 1
        chosen: list[str] = []
        while taken < len(texts) - left_over and (
            not chosen or left_over == 0 or length + len(texts[taken]) / 2 < ends[number]
        ):
            chosen.append(texts[taken])
            length += len(texts[taken]) + 1
            taken += 1
        space = (line[0].box[0], line[0].box[1], line[-1].box[2], line[-1].box[3])
        boxes = word_boxes(Line(" ".join(chosen), space), chosen)
        for text, box in zip(chosen, boxes, strict=True):
            x0, y0, x1, y1 = (int(v) for v in box)
            first = not result and old[0].label.startswith("B-")
            label = old[0].label if first else old[0].label.replace("B-", "I-", 1)
            result.append(Word(text, label, (x0, y0, x1, y1), line[0].line_box, line[0].line))
    return result
