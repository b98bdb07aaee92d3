"""Finds, for each field's true text, the words of the given lines that say it, and labels them.

The annotators typed the fields apart from the lines, so the two differ in blanks, punctuation and
slips, and a total stands in several places. Every label is found by the best match over
consecutive words, after `normalise`:

- company, address: the window of words whose text is nearest in edit distance, the upper one of
  equals. A line inside an address that is no part of it (a registration number) stays unlabelled.
- date: every place where the date is printed as the annotator wrote it; failing that, a place
  where the same day is printed another way.
- total: every amount in a row that announces a total (TOTAL, AMOUNT DUE, ROUNDED ...). The same
  amount in a row of another role (cash, subtotal, an item) is labelled O, because a model cannot
  know that it happens to be equal and would learn that cash is a total.

Where the role cannot be told, and for repeats of a company or an address further down, the label
is `IGNORE`: the loss should count neither yes nor no.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rapidfuzz.distance import Levenshtein

from pageloom.corpus.receipt_values import amount, amounts, dates
from pageloom.corpus.receipts import Line, Scan, normalise, reading_order, rows

__all__ = ["IGNORE", "Alignment", "Receipt", "align", "receipt_words", "word_boxes"]

Box = tuple[int, int, int, int]

# A label that the loss leaves out (index -100).
IGNORE = "IGNORE"

# Windows less alike than this are no match. Addresses are long, so annotators slip more in them.
_LEAST_ALIKE = {"company": 0.7, "address": 0.6, "date": 0.8, "total": 1.0}

_TOTAL = re.compile(
    r"T[OA]TA|TTL|\bT\s?L\b|AM(?:OUN)?T\.?\s?(?:DUE|PAYABLE|INC|PAID|TO BE PAID)|ROUND|NETT?\b"
    r"|PAYABLE|\bDUE\b|BALANCE|JUMLAH"
)
_SUBTOTAL = re.compile(
    r"SUB|EXCL|QTY|QUANTITY|SAVING|DISC|POINT|BEFORE|W/O|^(?!.*INC|.*AFTER).*\b(?:TAX|GST)$"
)
_PAID = re.compile(r"CASH|CHANGE|VISA|MASTER|CARD|TENDER|PAID|DEBIT|CREDIT|PAYMENT|BAKI|TUNAI")
_NUMBER = re.compile(r"(?<![\w%@.])\d[\d.,]*(?!\d*[\w%@])")


@dataclass(frozen=True)
class Receipt:
    """One labelled receipt. The five sequences have one entry a word.

    Boxes are (x0, y0, x1, y1), ints on 0-1000, origin top left. `word_boxes` cuts the line's box in
    proportion to the words' widths; `line_boxes` repeats the line's box. `line_index` counts lines
    in the order of the words. `labels` are "O", "B-<field>", "I-<field>" or `IGNORE`.
    `fields` are the annotator's true texts.
    """

    id: str
    image_path: Path
    words: tuple[str, ...]
    word_boxes: tuple[Box, ...]
    line_boxes: tuple[Box, ...]
    line_index: tuple[int, ...]
    labels: tuple[str, ...]
    fields: dict[str, str]


@dataclass(frozen=True)
class Alignment:
    """How one field was found: `kind` is "exact", "within" (the words hold a little more), "value"
    (another print of the same date or amount), "fuzzy", or "none"; `score` is 1 for all but fuzzy
    ones; `spans` are the labelled word ranges [start, end)."""

    label: str
    kind: str
    score: float
    spans: tuple[tuple[int, int], ...]


def align(scan: Scan, *, order: str = "given") -> tuple[Receipt, dict[str, Alignment]]:
    """The labelled receipt, and how each of its fields was found.

    `order` is that of the lines: "given" by the annotator, or "reading" (row by row).
    """
    if order not in ("given", "reading"):
        raise ValueError(f'order is "given" or "reading", not {order!r}')
    lines = [scan.lines[i] for i in reading_order(scan.lines)] if order == "reading" else scan.lines
    words, boxes, line_boxes, line_index = receipt_words(lines, scan.width, scan.height)
    page = _Page(words, line_index, lines)
    labels = ["O"] * len(words)
    found: dict[str, Alignment] = {}
    # The rarer claim wins a word: an address never takes the company's line, nor a total a date.
    for label in ("company", "date", "total", "address"):
        if label not in scan.fields:
            continue
        alignment, ignored = _FINDERS[label](page, scan.fields[label], _taken(labels))
        found[label] = alignment
        for start, end in ignored:
            labels[start:end] = [IGNORE if old == "O" else old for old in labels[start:end]]
        for start, end in alignment.spans:
            labels[start:end] = [f"B-{label}"] + [f"I-{label}"] * (end - start - 1)
    receipt = Receipt(
        id=scan.id,
        image_path=scan.image_path,
        words=tuple(words),
        word_boxes=tuple(boxes),
        line_boxes=tuple(line_boxes),
        line_index=tuple(line_index),
        labels=tuple(labels),
        fields=dict(scan.fields),
    )
    return receipt, found


# Words and boxes


def receipt_words(
    lines: Sequence[Line], width: int, height: int
) -> tuple[list[str], list[Box], list[Box], list[int]]:
    """Words split at blanks, their boxes, their lines' boxes (0-1000) and their line numbers."""
    words: list[str] = []
    boxes: list[Box] = []
    line_boxes: list[Box] = []
    line_index: list[int] = []
    for number, line in enumerate(lines):
        parts = line.text.split()
        words += parts
        boxes += [_normalised(box, width, height) for box in word_boxes(line, parts)]
        line_boxes += [_normalised(line.box, width, height)] * len(parts)
        line_index += [number] * len(parts)
    return words, boxes, line_boxes, line_index


def word_boxes(line: Line, words: Sequence[str]) -> list[tuple[float, float, float, float]]:
    """Boxes of a line's words, in the line's units, as if printed in a common sans-serif."""
    x0, y0, x1, y1 = line.box
    blank = _width(" ")
    total = sum(map(_width, words)) + blank * (len(words) - 1)
    scale = (x1 - x0) / total if total else 0.0
    boxes = []
    left = float(x0)
    for word in words:
        right = left + _width(word) * scale
        boxes.append((left, float(y0), right, float(y1)))
        left = right + blank * scale
    return boxes


_WIDTHS = dict.fromkeys("ijl.,:;'!|I() []-/\"`", 0.5) | dict.fromkeys("mwMW@%", 1.5)


def _width(word: str) -> float:
    return sum(_WIDTHS.get(c, 1.0) for c in word)


def _normalised(box: Sequence[float], width: int, height: int) -> Box:
    x0, y0, x1, y1 = (
        min(1000, max(0, int(1000 * value / size)))
        for value, size in zip(box, (width, height, width, height), strict=True)
    )
    return x0, y0, x1, y1


# Finding


class _Page:
    """The words of a receipt with what the finders need to know about each."""

    def __init__(
        self, words: Sequence[str], line_index: Sequence[int], lines: Sequence[Line]
    ) -> None:
        self.words = words
        self.line_index = line_index
        self.lines = lines
        self.plain = [normalise(word) for word in words]
        self.rows = {index: row for row in rows(lines) for index in row}
        self.text = "".join(self.plain)
        self.word_at = [i for i, word in enumerate(self.plain) for _ in word]
        self.offsets = [0]
        for word in self.plain:
            self.offsets.append(self.offsets[-1] + len(word))

    def top(self, word: int) -> int:
        return self.lines[self.line_index[word]].box[1]

    def occurrences(self, wanted: str) -> list[tuple[int, int, int]]:
        """(start, end, extra characters in the first and last word) wherever `wanted` stands."""
        found = []
        at = self.text.find(wanted)
        while at >= 0 and wanted:
            start, end = self.word_at[at], self.word_at[at + len(wanted) - 1] + 1
            before, after = self.text[at - 1 : at], self.text[at + len(wanted) :][:1]
            inside = (self.offsets[start] < at, self.offsets[end] > at + len(wanted))
            # 1.00 is not to be found in 11.00.
            cut = (inside[0] and before.isdigit() and wanted[0].isdigit()) or (
                inside[1] and after.isdigit() and wanted[-1].isdigit()
            )
            if not cut:
                extra = self.offsets[end] - self.offsets[start] - len(wanted)
                found.append((start, end, extra))
            at = self.text.find(wanted, at + 1)
        return found


_Spans = list[tuple[int, int]]


def _taken(labels: Sequence[str]) -> set[int]:
    return {i for i, label in enumerate(labels) if label not in ("O", IGNORE)}


def _free(span: tuple[int, int], taken: set[int]) -> bool:
    return taken.isdisjoint(range(*span))


def _find_text(label: str, page: _Page, wanted: str, taken: set[int]) -> tuple[Alignment, _Spans]:
    plain = normalise(wanted)
    places = [place for place in page.occurrences(plain) if _free(place[:2], taken)]
    # A short name inside a longer word (an e-mail address) is no print of the name.
    places = [place for place in places if place[2] <= max(2, len(plain) // 2)]
    if places:
        best = min(places, key=lambda place: (place[2], page.top(place[0])))
        kind = "exact" if best[2] == 0 else "within"
        rest = [place[:2] for place in places if place != best]
        return Alignment(label, kind, 1.0, (best[:2],)), rest
    score, window = _nearest_window(page, plain, taken, _LEAST_ALIKE[label])
    if window is None:
        return Alignment(label, "none", score, ()), []
    score, spans = _drop_lines(page, plain, window, score)
    kind = "exact" if score == 1 else "fuzzy"
    return Alignment(label, kind, score, tuple(spans)), []


def _nearest_window(
    page: _Page, wanted: str, taken: set[int], least: float
) -> tuple[float, tuple[int, int] | None]:
    """The consecutive words nearest to `wanted` in edit distance; the first of equals."""
    best: tuple[float, tuple[int, int] | None] = (least, None)
    longest = int(len(wanted) / least) + 1
    for start, first in enumerate(page.plain):
        if not first:
            continue
        for end in range(start + 1, len(page.plain) + 1):
            if end - 1 in taken or page.offsets[end] - page.offsets[start] > longest:
                break
            if not page.plain[end - 1]:
                continue
            text = page.text[page.offsets[start] : page.offsets[end]]
            score = Levenshtein.normalized_similarity(text, wanted, score_cutoff=best[0])
            if score > best[0]:
                best = (score, (start, end))
    return best


def _drop_lines(
    page: _Page, wanted: str, window: tuple[int, int], score: float
) -> tuple[float, _Spans]:
    """Leaves out the lines of a window without which it is nearer to `wanted`."""
    kept = list(range(*window))
    while True:
        best_line = None
        for line in {page.line_index[i] for i in kept}:
            rest = "".join(page.plain[i] for i in kept if page.line_index[i] != line)
            without = Levenshtein.normalized_similarity(rest, wanted)
            if without > score:
                score, best_line = without, line
        if best_line is None:
            break
        kept = [i for i in kept if page.line_index[i] != best_line]
    spans: _Spans = []
    for i in kept:
        if spans and spans[-1][1] == i:
            spans[-1] = (spans[-1][0], i + 1)
        else:
            spans.append((i, i + 1))
    return score, spans


def _find_company(page: _Page, wanted: str, taken: set[int]) -> tuple[Alignment, _Spans]:
    return _find_text("company", page, wanted, taken)


def _find_address(page: _Page, wanted: str, taken: set[int]) -> tuple[Alignment, _Spans]:
    return _find_text("address", page, wanted, taken)


def _find_date(page: _Page, wanted: str, taken: set[int]) -> tuple[Alignment, _Spans]:
    places = [place for place in page.occurrences(normalise(wanted)) if _free(place[:2], taken)]
    if places:
        least = min(place[2] for place in places)
        best = tuple(place[:2] for place in places if place[2] == least)
        rest = [place[:2] for place in places if place[2] != least]
        return Alignment("date", "exact" if least == 0 else "within", 1.0, best), rest
    days = dates(wanted)
    equal = []
    for size in (1, 2, 3):
        for start in range(len(page.words) - size + 1):
            span = (start, start + size)
            text = " ".join(page.words[start : span[1]])
            if _free(span, taken) and days & dates(text):
                equal.append(span)
        if equal:
            return Alignment("date", "value", 1.0, (equal[0],)), equal[1:]
    return _find_text("date", page, wanted, taken)


def _find_total(page: _Page, wanted: str, taken: set[int]) -> tuple[Alignment, _Spans]:
    value = amount(wanted)
    same_print: _Spans = []
    glued: _Spans = []
    same_value: _Spans = []
    for start, end, extra in page.occurrences(normalise(wanted)):
        text = " ".join(page.words[start:end])
        # 9.00 is to be printed with its point; 900 is something else.
        if not _free((start, end), taken) or (value and value not in amounts(text)):
            continue
        (glued if extra else same_print).append((start, end))
    for i, word in enumerate(page.words):
        known = any(start <= i < end for start, end in same_print + glued)
        if not known and value and amount(word) == value and i not in taken:
            same_value.append((i, i + 1))
    places = [("exact", same_print), ("within", glued), ("value", same_value)]
    role = {span: _role(page, span) for _, spans in places for span in spans}
    for wanted_role in ("total", "unknown", "subtotal", "paid"):
        for kind, spans in places:
            chosen = [span for span in spans if role[span] == wanted_role]
            if not chosen:
                continue
            # Of rows that do not say what they are, the last is the likeliest.
            if wanted_role != "total":
                chosen = [max(chosen, key=lambda span: page.top(span[0]))]
                rest = [span for span in role if span not in chosen]
            else:
                rest = [s for s in role if s not in chosen and role[s] == "total"]
            return Alignment("total", kind, 1.0, tuple(chosen)), rest
    return _find_text("total", page, wanted, taken)


def _role(page: _Page, span: tuple[int, int]) -> str:
    """What is announced before an amount in its row: "total", "subtotal", "paid" or "unknown"."""
    line = page.line_index[span[0]]
    row = page.rows[line]
    before = [page.lines[i].text for i in row[: row.index(line)]]
    before += [w for i, w in enumerate(page.words[: span[0] + 1]) if page.line_index[i] == line]
    text = unicodedata.normalize("NFKD", " ".join(before)).upper()
    text = re.sub(r"[-$\d.,]+$", "", text)
    last = _NUMBER.split(text)[-1]
    # Columns of names beside columns of amounts: the whole row has to do.
    if not re.search(r"[A-Z]{2,}", last.replace("RM", "")):
        last = unicodedata.normalize("NFKD", " ".join(page.lines[i].text for i in row)).upper()
    last = last.strip()
    if _SUBTOTAL.search(last):
        return "subtotal"
    if _TOTAL.search(last) and "CHANGE" not in last:
        return "total"
    return "paid" if _PAID.search(last) else "unknown"


_FINDERS = {
    "company": _find_company,
    "date": _find_date,
    "address": _find_address,
    "total": _find_total,
}
