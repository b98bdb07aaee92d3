"""Scores that mean what they say: of the fields at 0.9, nine in ten are right.

A softmax is too sure of itself on documents that it was not trained on. What a score is worth is
measured on documents that were kept aside: see `Calibration.fit`.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, ValidationError

from pageloom.errors import CheckpointError

__all__ = ["FILE", "Calibration", "Evidence", "Graded", "isotonic"]

FILE = "calibration.json"
"""Its name beside a checkpoint."""

Evidence = Literal["confirmed", "contradicted", "repeated", "none"]
"""What else speaks for or against a field: a check, or another field that says the same."""

# Fields that a curve must be made of: with fewer it tells more about them than about others.
_FEWEST = 40
# Fields that a step of a curve is made of at least.
_STEP = 20

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Graded:
    """A field of a document whose right fields are known.

    Args:
        label: the field's.
        evidence: what else spoke for or against it.
        score: the model's own, 0 to 1.
        right: whether the field is right.
        confidence: what its words were read with, 0 to 1; 1 where no OCR read them.
    """

    label: str
    evidence: Evidence
    score: float
    right: bool
    confidence: float = 1.0


class _Curve(BaseModel):
    """Which share is right, by score; between two of its points by a straight line."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    scores: tuple[float, ...]
    right: tuple[float, ...]

    def __call__(self, score: float) -> float:
        return float(np.interp(score, self.scores, self.right))


class Calibration(BaseModel):
    """What scores are worth: by label, by what else speaks for a field, and by how it was read.

    Args:
        curves: of fields whose words are exact, which share is right, by label and evidence
            (`total confirmed`), by label (`total`), by evidence (`* confirmed`), and for the rest
            (`*`).
        reading: of fields whose words OCR read, which share of these is right, by the confidence
            that they were read with; None: as many.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    curves: dict[str, _Curve]
    reading: _Curve | None = None

    def __call__(
        self, label: str, evidence: Evidence, score: float, confidence: float = 1.0
    ) -> float:
        """The share of fields like this one that are right.

        By the curve of its label and evidence; else by that of its label or that of its evidence,
        whichever is more careful; else by that of all fields; else the score itself. Where the
        field's words have a `confidence` below 1, times what that is worth.
        """
        if self.reading is not None and confidence < 1:
            return self._exact(label, evidence, score) * self.reading(confidence)
        return self._exact(label, evidence, score)

    def _exact(self, label: str, evidence: Evidence, score: float) -> float:
        own, by_label, by_evidence, of_all = _names(label, evidence)
        for names in ((own,), (by_label, by_evidence), (of_all,)):
            told = [self.curves[name](score) for name in names if name in self.curves]
            if told:
                return min(told)
        return score

    @classmethod
    def fit(cls, graded: Iterable[Graded], fewest: int = _FEWEST) -> Self:
        """The calibration that `graded` fields give; of documents that no model was trained on.

        A label, or a label with one kind of evidence, that has fewer than `fewest` fields goes by
        the next wider curve. Fields that OCR read tell what its confidence is worth where there are
        `fewest` exact ones, too; else all make the curves together.
        """
        fields = list(graded)
        exact = [field for field in fields if field.confidence == 1]
        by_ocr = [field for field in fields if field.confidence < 1]
        pairs: defaultdict[str, list[Graded]] = defaultdict(list)
        for field in exact if len(exact) >= fewest else fields:
            for name in _names(field.label, field.evidence):
                pairs[name].append(field)
        fitted = cls(
            curves={
                name: isotonic([f.score for f in found], [f.right for f in found])
                for name, found in sorted(pairs.items())
                if len(found) >= fewest
            }
        )
        if min(len(exact), len(by_ocr)) < fewest:
            return fitted
        worth = [fitted._exact(f.label, f.evidence, f.score) for f in by_ocr]
        reading = isotonic([f.confidence for f in by_ocr], [f.right for f in by_ocr], worth)
        return fitted.model_copy(update={"reading": reading})

    def save(self, folder: Path) -> None:
        """Write `calibration.json` into a checkpoint's folder."""
        text = json.dumps(self.model_dump(exclude_none=True), indent=1, sort_keys=True)
        (folder / FILE).write_text(text + "\n", encoding="utf8")

    @classmethod
    def load(cls, folder: Path) -> Self | None:
        """That of a checkpoint; None where it has none. Raises `CheckpointError`."""
        file = folder / FILE
        if not file.is_file():
            return None
        try:
            return cls.model_validate_json(file.read_bytes())
        except ValidationError as error:
            found = error.errors()[0]
            where = ".".join(map(str, found["loc"]))
            raise CheckpointError(f"{file}: {where or 'the file'}: {found['msg']}") from None


def _names(label: str, evidence: Evidence) -> tuple[str, str, str, str]:
    return f"{label} {evidence}", label, f"* {evidence}", "*"


def isotonic(
    scores: Sequence[float], right: Sequence[bool], expected: Sequence[float] | None = None
) -> _Curve:
    """The rising curve that is closest to what was right, in steps of fields enough to trust.

    By pooling adjacent violators (Ayer et al. 1955). Each step has one right and one wrong field
    more than it was given (Laplace's rule), so that no score is worth 0 or 1. Written here, since
    no library that we need has it, and scikit-learn is a large one for 20 lines.

    Args:
        scores: of the fields.
        right: which of them are right.
        expected: of each the probability of being right that it has anyway; the curve is then the
            share of these, at most 1.
    """
    order = np.argsort(np.asarray(scores, dtype=np.float64), kind="stable")
    weights = np.ones(len(order)) if expected is None else np.maximum(expected, 1e-6)
    rows = np.stack([weights, scores, np.asarray(right, dtype=np.float64)], axis=1)[order]
    rows[:, 1] *= rows[:, 0]
    blocks: list[FloatArray] = []  # fields or what is expected of them, sum of scores, right ones
    for part in np.array_split(rows, max(1, len(rows) // _STEP)):
        blocks.append(part.sum(axis=0))
        while len(blocks) > 1 and (
            _share(blocks[-2]) >= _share(blocks[-1]) or _mean(blocks[-2]) >= _mean(blocks[-1])
        ):
            last = blocks.pop()
            blocks[-1] = blocks[-1] + last
    return _Curve(
        scores=tuple(round(_mean(block), 6) for block in blocks),
        right=tuple(round(_share(block), 6) for block in blocks),
    )


def _mean(block: FloatArray) -> float:
    return float(block[1] / block[0])


def _share(block: FloatArray) -> float:
    return min(1.0, float((block[2] + 1) / (block[0] + 2)))
