"""Fields as a tagger leaves them: with values, checked, and with scores that are calibrated."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from spacy.tokens import Doc

from pageloom.document.types import Field
from pageloom.fields.calibration import Calibration, Evidence, Graded
from pageloom.fields.checks import find
from pageloom.fields.line_items import group_rows
from pageloom.fields.values import FieldValues, Hints, Kind, normalise

__all__ = ["complete", "grade", "plain"]


def complete(
    doc: Doc,
    labels: Collection[str],
    settings: FieldValues,
    calibration: Calibration | None = None,
) -> None:
    """Give the fields of `labels` their values, write `doc._.checks`, calibrate the scores.

    The checks are made of all fields of the document, whichever component found them. Scores of
    `labels` must be the model's own.
    """
    fields: dict[str, list[Field]] = doc._.fields
    hints = Hints.of(doc.text, settings) if fields else Hints()
    valid: dict[Field, bool] = {}
    for label, found in fields.items():
        kind = settings.kind(label)
        for at, field in enumerate(found):
            value = normalise(kind, field.text, hints)
            if label in labels and value is not None:
                found[at] = replace(field, value=value.text, currency=value.currency)
            if value is not None and value.valid is not None:
                valid[found[at]] = value.valid
    findings = find(fields, group_rows(fields), valid)
    doc._.checks = [finding.check for finding in findings]
    passed: dict[Field, list[bool]] = {}
    for finding in findings:
        # What passes by chance is no evidence; what fails always is.
        if finding.telling or not finding.check.passed:
            for field in finding.fields:
                passed.setdefault(field, []).append(finding.check.passed)
    for label, found in fields.items():
        found[:] = [
            replace(field, checked=all(passed[field]) if field in passed else None)
            for field in found
        ]
        if calibration is not None and label in labels:
            kind = settings.kind(label)
            worth = [
                calibration(
                    label, _evidence(field, found), field.score, _confidence(doc, field, kind)
                )
                for field in found
            ]
            found[:] = [
                replace(field, score=score) for field, score in zip(found, worth, strict=True)
            ]
            found.sort(key=lambda field: -field.score)


def grade(
    doc: Doc,
    right: Mapping[str, Iterable[str]],
    spans_key: str,
    settings: FieldValues | None = None,
) -> list[Graded]:
    """The fields of a tagged document, each with whether it is one of the right ones.

    A field is right that has the value or the text of a right one, case, blanks and punctuation
    aside. The scores are the model's own, of `doc.spans[spans_key]`, whatever calibration it has.

    Args:
        doc: with the fields that a tagger found.
        right: label -> texts; fields of other labels are not graded.
        spans_key: the tagger's.
        settings: the tagger's `field_values`, where it has any.
    """
    settings = settings or FieldValues()
    hints = Hints.of(doc.text, settings)
    group = doc.spans[spans_key]
    scores = {
        (span.label_, span.start, span.end): score
        for span, score in zip(group, group.attrs["scores"], strict=True)
    }
    graded: list[Graded] = []
    for label, texts in right.items():
        kind, known = settings.kind(label), {plain(text) for text in texts}
        found: list[Field] = doc._.fields.get(label, [])
        values = {value.text for text in texts if (value := normalise(kind, text, hints))}
        # Of equal value, too: what a right text was read as elsewhere in this document.
        values |= {field.value for field in found if plain(field.text) in known}
        values.discard(None)
        for field in found:
            score = scores.get((label, field.start, field.end))
            if score is not None:
                is_right = plain(field.text) in known or field.value in values
                confidence = _confidence(doc, field, kind)
                evidence = _evidence(field, found)
                graded.append(Graded(label, evidence, score, is_right, confidence))
    return graded


def plain(text: str) -> str:
    """`text` without case, blanks and punctuation: how fields are compared."""
    return re.sub(r"[\W_]", "", text).casefold()


def _evidence(field: Field, found: Iterable[Field]) -> Evidence:
    """What speaks for a field: its checks, or another of its label that says the same."""
    if field.checked is not None:
        return "confirmed" if field.checked else "contradicted"
    said = field.value or plain(field.text)
    same = (other.value or plain(other.text) for other in found if other.start != field.start)
    return "repeated" if said in same else "none"


def _confidence(doc: Doc, field: Field, kind: Kind) -> float:
    """What a field's words were read with: the lowest confidence, 1 where none has one.

    0 for what OCR read and is no date, or whatever its kind is: it was misread.
    """
    told = (token._.confidence for token in doc[field.start : field.end])
    lowest = min((value for value in told if value is not None), default=1.0)
    return 0.0 if lowest < 1 and kind != "text" and field.value is None else lowest
