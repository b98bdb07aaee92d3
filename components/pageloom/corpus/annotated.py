"""Gold `Doc`s: the one function that makes and checks them, whatever the format."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from spacy.tokens import Doc, Span, SpanGroup
from spacy.vocab import Vocab

from pageloom.corpus.problems import BadRecord
from pageloom.document import Answer, Box, Page
from pageloom.document.extensions import clamp_box, register, set_tokens, union

__all__ = ["BOXES", "ENTITIES", "box_messages", "gold_answer", "make_doc", "thousandths"]

BOXES = ("word", "line")
ENTITIES = "entities"
"""The key of the gold entities in `doc.spans`, beside `doc.ents`."""
BEYOND = 50
"""Thousandths of the page by which a box may stand over its edge: annotators draw generously."""

Range = tuple[int, int]

register()


def thousandths(boxes: Iterable[Sequence[float]], width: float, height: float) -> list[Box]:
    """Boxes in pixels as ints in thousandths of the page, corners in order and not clamped."""
    found = []
    for box in boxes:
        x0, y0, x1, y1 = (
            int(1000 * value / size)
            for value, size in zip(box, (width, height, width, height), strict=True)
        )
        found.append((min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)))
    return found


def box_messages(texts: Sequence[str], boxes: Sequence[Sequence[float]], what: str) -> list[str]:
    """For each box that does not lie on the page what is wrong; boxes are in thousandths."""
    return [
        f"{what} {number} ({text!r}): its box {tuple(box)} is out of the page, in thousandths of it"
        for number, (text, box) in enumerate(zip(texts, boxes, strict=True))
        if min(box) < -BEYOND or max(box) > 1000 + BEYOND
    ]


def gold_answer(
    question: str, text: str, *, page: int | None = None, span: Range | None = None
) -> Answer:
    """A true answer; `text` is empty where the document holds none."""
    start, end = span or (None, None)
    return Answer(question, text, 1.0, page, start, end, "gold")


def make_doc(
    vocab: Vocab,
    *,
    words: Sequence[str],
    boxes: Sequence[Sequence[float]] | None,
    pages: Sequence[Page],
    page_numbers: Sequence[int] | None = None,
    lines: Iterable[Range] | None = None,
    entities: Iterable[tuple[int, int, str]] | None = (),
    unknown: Iterable[Range] = (),
    cats: Mapping[str, float] | None = None,
    answers: Iterable[Answer] = (),
    source: str = "",
    labels: Iterable[str] | None = None,
    box_of: str = "word",
    notes: Iterable[str] = (),
) -> Doc:
    """A document with its true annotation.

    Args:
        vocab: of the pipeline.
        words: one token each.
        boxes: of the words, in thousandths of the page. None, where they cannot be told, only
            together with `notes`.
        pages: in order.
        page_numbers: each word's page; the first page by default.
        lines: (first word, one past the last), for `doc.spans["lines"]`.
        entities: (first word, one past the last, label), for `doc.ents` and
            `doc.spans["entities"]`; None where nobody looked for entities.
        unknown: words of which nobody knows whether they are an entity; spaCy calls them missing,
            and neither loss nor score counts them.
        cats: class -> 1.0 or 0.0.
        answers: made by `gold_answer`; a question with several true answers has one for each.
        source: name of the document; the first page's source by default.
        labels: that entities may have; any by default.
        box_of: "word", or "line": each word takes the box of its line.
        notes: what is already known to be wrong.

    Raises:
        BadRecord: with `notes` and everything else that is wrong.
    """
    wrong = list(notes)
    marked = None if entities is None else list(entities)
    asked = list(answers)
    line_ranges = None if lines is None else list(lines)
    numbers = list(page_numbers) if page_numbers is not None else [1] * len(words)
    if page_numbers is None and pages:
        numbers = [pages[0].number] * len(words)
    if not words:
        wrong.append("the document is empty: it has no words")
    wrong += [f"word {n} is blank" for n, word in enumerate(words) if not word.strip()]
    if boxes is not None and len(boxes) != len(words):
        wrong.append(f"{len(words)} words and {len(boxes)} boxes; give one box for each word")
    elif boxes is not None:
        wrong += box_messages(words, boxes, "word")
    if len(numbers) != len(words):
        wrong.append(f"{len(words)} words and {len(numbers)} page numbers; give one for each word")
    elif pages:
        known = {page.number for page in pages}
        wrong += [
            f"word {n} ({words[n]!r}) is on page {number}, and the pages are {sorted(known)}"
            for n, number in enumerate(numbers)
            if number not in known
        ]
    ranges = [(start, end, f"entity {label!r}") for start, end, label in marked or ()]
    ranges += [(start, end, "a line") for start, end in line_ranges or ()]
    ranges += [
        (answer.start, answer.end or 0, f"the answer to {answer.question!r}")
        for answer in asked
        if answer.start is not None
    ]
    wrong += [
        f"{name} has the words {start} to {end}, and there are {len(words)} words"
        for start, end, name in ranges
        if not 0 <= start < end <= len(words)
    ]
    wrong += _entity_messages(marked or [], numbers, None if labels is None else list(labels))
    if wrong:
        raise BadRecord(*wrong)
    assert boxes is not None
    return _make(
        vocab, words, boxes, pages, numbers, line_ranges, marked, unknown, cats, asked, source,
        box_of,
    )  # fmt: skip


def _entity_messages(
    entities: Sequence[tuple[int, int, str]], pages: Sequence[int], labels: list[str] | None
) -> list[str]:
    wrong = []
    if labels is not None:
        wrong += [
            f"label {label!r} (words {start} to {end}) is not in the scheme: {', '.join(labels)}"
            for start, end, label in entities
            if label not in labels
        ]
    wrong += [
        f"the entity of words {start} to {end} has no label"
        for start, end, label in entities
        if not label.strip()
    ]
    before: tuple[int, int, str] | None = None
    for entity in sorted(entities):
        start, end, label = entity
        if before is not None and start < before[1]:
            wrong.append(
                f"entities overlap: {before[2]!r} (words {before[0]} to {before[1]}) and {label!r} "
                f"(words {start} to {end})"
            )
        if len(set(pages[max(0, start) : end])) > 1:
            wrong.append(f"entity {label!r} (words {start} to {end}) goes over two pages")
        before = entity if before is None or end > before[1] else before
    return wrong


def _make(
    vocab: Vocab,
    words: Sequence[str],
    boxes: Sequence[Sequence[float]],
    pages: Sequence[Page],
    numbers: Sequence[int],
    lines: Sequence[Range] | None,
    entities: Sequence[tuple[int, int, str]] | None,
    unknown: Iterable[Range],
    cats: Mapping[str, float] | None,
    answers: Sequence[Answer],
    source: str,
    box_of: str,
) -> Doc:
    clamped = [clamp_box(box) for box in boxes]
    if box_of == "line":
        for start, end in lines or ():
            clamped[start:end] = [union(clamped[start:end]) or (0, 0, 0, 0)] * (end - start)
    doc = Doc(vocab, words=list(words), spaces=[True] * (len(words) - 1) + [False])
    set_tokens(doc, clamped, numbers, [1.0] * len(words))
    doc._.pages = list(pages)
    doc._.source = source or (pages[0].source if pages else "")
    doc._.sha256 = pages[0].sha256 if pages else ""
    if lines is not None:
        doc.spans["lines"] = _group(doc, "lines", [(*line, "line") for line in lines])
    if entities is not None:
        ordered = sorted(entities)
        doc.spans[ENTITIES] = _group(doc, ENTITIES, ordered)
        missing = [Span(doc, start, end) for start, end in unknown]
        doc.set_ents(list(doc.spans[ENTITIES]), missing=missing)
    doc.cats = dict(cats or {})
    if answers:
        doc._.answers = list(answers)
        doc._.questions = list(dict.fromkeys(answer.question for answer in answers))
    return doc


def _group(doc: Doc, name: str, ranges: Iterable[tuple[int, int, str]]) -> SpanGroup:
    spans = [Span(doc, start, end, label=label) for start, end, label in ranges]
    return SpanGroup(doc, name=name, spans=spans)
