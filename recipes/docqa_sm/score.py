"""The scores that this recipe reports: exact match, token F1, ANLS.

All compare an answer's text with every right text and take the best. A question without an answer
is right where none is given.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from rapidfuzz.distance import Levenshtein

__all__ = ["Score", "anls", "exact", "f1", "normalised", "table"]


def normalised(text: str) -> str:
    """A text in lower case, without the punctuation around its words."""
    words = (_bare(word) for word in unicodedata.normalize("NFKC", text).casefold().split())
    return " ".join(word for word in words if word)


def _bare(word: str) -> str:
    return word.strip(".,;:!?()[]{}\"'`*|<>-–—#=_/\\")


def exact(text: str, right: Sequence[str]) -> float:
    """1 if the text is one of the right ones, but for case, blanks and outer punctuation."""
    found = normalised(text).replace(" ", "")
    return float(found in [normalised(each).replace(" ", "") for each in right or ("",)])


def f1(text: str, right: Sequence[str]) -> float:
    """The harmonic mean of the precision and recall of words."""
    found = Counter(normalised(text).split())
    best = 0.0
    for each in right or ("",):
        wanted = Counter(normalised(each).split())
        same = (found & wanted).total()
        both = found.total() + wanted.total()
        best = max(best, 2 * same / both if both else 1.0)
    return best


def anls(text: str, right: Sequence[str]) -> float:
    """Average normalised Levenshtein similarity, 0 below a half (Biten et al. 2019, section 4)."""
    found = normalised(text)
    best = max(
        Levenshtein.normalized_similarity(found, normalised(each)) for each in right or ("",)
    )
    return best if best >= 0.5 else 0.0


@dataclass
class Score:
    """Sums over questions."""

    questions: int = 0
    exact: float = 0.0
    f1: float = 0.0
    anls: float = 0.0
    parts: dict[str, Score] = field(default_factory=dict)

    def add(self, text: str, right: Sequence[str], parts: Iterable[str] = ()) -> None:
        """Count an answer, also under each of `parts`."""
        self.questions += 1
        self.exact += exact(text, right)
        self.f1 += f1(text, right)
        self.anls += anls(text, right)
        for part in parts:
            self.parts.setdefault(part, Score()).add(text, right)

    def shown(self) -> str:
        """One line."""
        count = max(1, self.questions)
        return f"exact {self.exact / count:.3f}  F1 {self.f1 / count:.3f}"


def table(score: Score) -> str:
    """The scores of all parts as a Markdown table."""
    lines = ["| part | questions | exact match | F1 | ANLS |", "| --- | --- | --- | --- | --- |"]
    for name, each in [("all", score), *sorted(score.parts.items())]:
        count = max(1, each.questions)
        lines.append(
            f"| {name} | {each.questions} | {each.exact / count:.3f} | {each.f1 / count:.3f} "
            f"| {each.anls / count:.3f} |"
        )
    return "\n".join(lines)
