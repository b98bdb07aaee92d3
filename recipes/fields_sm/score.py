"""The scores this recipe reports: entity F1, and fields found per document.

Entity F1 is strict: a predicted entity counts if its label, first and last word are right. A
field of a document is right if its text equals the true text once case, blanks and punctuation
are removed (`sroie.normalise`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from recipes.fields_sm.align import IGNORE
from recipes.fields_sm.sroie import LABELS, normalise

__all__ = [
    "Rates",
    "best_texts",
    "ceiling",
    "entities",
    "entity_scores",
    "field_scores",
    "labelled_texts",
    "table",
]

Entity = tuple[str, int, int]


class HasText(Protocol):
    """What is needed of a `pageloom.Field`."""

    @property
    def text(self) -> str:
        """The field as it stands on the page."""


@dataclass(frozen=True)
class Rates:
    """Counts of what was right, predicted and true; the rates, 0-1, follow from them."""

    right: int = 0
    predicted: int = 0
    true: int = 0

    @property
    def precision(self) -> float:
        """Share of the predicted that is right; 0 if nothing was predicted."""
        return self.right / self.predicted if self.predicted else 0.0

    @property
    def recall(self) -> float:
        """Share of the true that was found; for fields, the exact match per document."""
        return self.right / self.true if self.true else 0.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        both = self.predicted + self.true
        return 2 * self.right / both if both else 0.0

    def __add__(self, other: Rates) -> Rates:
        return Rates(
            self.right + other.right, self.predicted + other.predicted, self.true + other.true
        )


def entities(labels: Sequence[str]) -> set[Entity]:
    """(label, start, end) of each entity in BIO labels; an I- without its B- begins one."""
    found = set()
    start, current = 0, ""
    for i, label in enumerate([*labels, "O"]):
        prefix, _, name = label.partition("-")
        if current and (prefix != "I" or name != current):
            found.add((current, start, i))
            current = ""
        if prefix in ("B", "I") and not current:
            start, current = i, name
    return found


def entity_scores(
    true: Iterable[Sequence[str]], predicted: Iterable[Sequence[str]]
) -> dict[str, Rates]:
    """Rates per label and under "all", over documents of BIO labels.

    A predicted entity that touches a word labelled `IGNORE` and hits no true one is not counted.
    Raises ValueError if a document's two label sequences differ in length.
    """
    scores = {name: Rates() for name in (*LABELS, "all")}
    for document, (gold, guess) in enumerate(zip(true, predicted, strict=True)):
        if len(gold) != len(guess):
            raise ValueError(
                f"document {document} has {len(gold)} true and {len(guess)} predicted labels"
            )
        wanted = entities(gold)
        given = {
            found
            for found in entities(guess)
            if found in wanted or IGNORE not in gold[found[1] : found[2]]
        }
        for name in {label for label, _, _ in wanted | given}:
            mine = {e for e in wanted if e[0] == name}
            theirs = {e for e in given if e[0] == name}
            rates = Rates(len(mine & theirs), len(theirs), len(mine))
            scores[name] = scores.get(name, Rates()) + rates
            scores["all"] += rates
    return scores


def field_scores(
    true: Iterable[Mapping[str, str]], predicted: Iterable[Mapping[str, str]]
) -> dict[str, Rates]:
    """Rates per field and under "all", over documents' texts by field.

    `recall` is the exact match per document. A field absent from `true` is not expected, one
    absent or empty in `predicted` was not found.
    """
    scores = {name: Rates() for name in LABELS}
    for wanted, given in zip(true, predicted, strict=True):
        for name in LABELS:
            gold, guess = normalise(wanted.get(name, "")), normalise(given.get(name, ""))
            hit = bool(gold) and gold == guess
            scores[name] += Rates(int(hit), int(bool(guess)), int(bool(gold)))
    scores["all"] = sum(scores.values(), Rates())
    return scores


def best_texts(fields: Mapping[str, Sequence[HasText]]) -> dict[str, str]:
    """The best text of each field of a `doc._.fields`, whose lists are sorted best first."""
    return {name: found[0].text for name, found in fields.items() if found}


def labelled_texts(words: Sequence[str], labels: Sequence[str]) -> dict[str, str]:
    """The text of each field that BIO labels give: its longest entity, the first of equals.

    With true labels this is the ceiling that words as units allow.
    """
    texts: dict[str, str] = {}
    for name, start, end in sorted(entities(labels), key=lambda entity: entity[1]):
        text = " ".join(words[start:end])
        if name not in texts or len(normalise(text)) > len(normalise(texts[name])):
            texts[name] = text
    return texts


def ceiling(true: Iterable[Mapping[str, str]], texts: Iterable[str]) -> dict[str, Rates]:
    """How many fields stand in the documents' read texts at all: what no tagger can exceed."""
    found = []
    wanted = list(true)
    for fields, text in zip(wanted, texts, strict=True):
        page = normalise(text)
        found.append({k: v for k, v in fields.items() if normalise(v) and normalise(v) in page})
    return field_scores(wanted, found)


def table(scores: Mapping[str, Rates]) -> str:
    """The rates as a Markdown table."""
    lines = [
        "| field | exact match | precision | F1 | documents |",
        "| --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {name} | {r.recall:.3f} | {r.precision:.3f} | {r.f1:.3f} | {r.true} |"
        for name, r in scores.items()
    ]
    return "\n".join(lines)
