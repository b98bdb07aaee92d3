"""How the fields of receipts are labelled: the corpus reader's alignment, how often it fits, and
amounts without the currency before them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from pageloom.corpus.align import IGNORE, Alignment, Receipt, align, receipt_words, word_boxes
from pageloom.corpus.receipts import LABELS, Scan

__all__ = [
    "IGNORE",
    "Alignment",
    "Receipt",
    "align",
    "amounts_alone",
    "receipt_words",
    "statistics",
    "word_boxes",
]

CURRENCIES = {"RM", "MYR", "$", "(RM)"}


def statistics(scans: Iterable[Scan], *, order: str = "given") -> dict[str, Counter[str]]:
    """For each field, how many were found in which way."""
    counts: dict[str, Counter[str]] = {label: Counter() for label in LABELS}
    for scan in scans:
        for label, alignment in align(scan, order=order)[1].items():
            counts[label][alignment.kind] += 1
    return counts


def amounts_alone(receipt: Receipt) -> Receipt:
    """The receipt whose totals begin with the amount, where a currency is a word of its own.

    Of the training receipts with such a word, one annotator in three has copied it into the total
    and two have not, whatever the print: a model that is to guess learns nothing from it.
    """
    labels = list(receipt.labels)
    for at, word in enumerate(receipt.words[:-1]):
        if labels[at] == "B-total" and word.strip(":").upper() in CURRENCIES:
            labels[at] = "O"
            if labels[at + 1] == "I-total":
                labels[at + 1] = "B-total"
    return replace(receipt, labels=tuple(labels))
