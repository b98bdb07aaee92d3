"""How the fields of receipts are labelled: the corpus reader's alignment, and how often it fits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from pageloom.corpus.align import IGNORE, Alignment, Receipt, align, receipt_words, word_boxes
from pageloom.corpus.receipts import LABELS, Scan

__all__ = ["IGNORE", "Alignment", "Receipt", "align", "receipt_words", "statistics", "word_boxes"]


def statistics(scans: Iterable[Scan], *, order: str = "given") -> dict[str, Counter[str]]:
    """For each field, how many were found in which way."""
    counts: dict[str, Counter[str]] = {label: Counter() for label in LABELS}
    for scan in scans:
        for label, alignment in align(scan, order=order)[1].items():
            counts[label][alignment.kind] += 1
    return counts
