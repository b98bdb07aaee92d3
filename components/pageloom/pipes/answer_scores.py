"""How good answers are: exact match, F1 of tokens, ANLS and soft accuracy, in any language."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping

from rapidfuzz.distance import Levenshtein

__all__ = ["anls", "exact", "folded", "folded_words", "score_answers", "token_f1"]

# Scripts that put no blanks between words: each of their characters is a token.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\U00020000-\U0003ffff"
)
_TOKEN = re.compile(f"[{_UNSPACED}]|[^{_UNSPACED}]+")
# From which share of edits on an answer counts for nothing.
_ANLS_THRESHOLD = 0.5


def folded_words(text: str) -> list[str]:
    """The words without case, compatibility forms (NFKC) and the punctuation around each.

    Punctuation within a word stays: "12.50" and "1,250" are other numbers than "1250". Words of
    punctuation alone are left out.
    """
    words = unicodedata.normalize("NFKC", text).casefold().split()
    return [bare for word in words if (bare := _bare(word))]


def folded(text: str) -> str:
    """The `folded_words` without blanks; where there are none, the text without outer blanks.

    Two texts with the same result are the same answer.
    """
    return "".join(folded_words(text)) or text.strip()


def exact(given: str, right: str) -> float:
    """1 where both are the same answer, else 0: SQuAD's exact match, for any language."""
    return float(folded(given) == folded(right))


def token_f1(given: str, right: str) -> float:
    """The harmonic mean of the precision and the recall of tokens, 0-1 (Rajpurkar et al. 2016).

    Tokens are words; single characters in scripts that have no blanks. No article is left out,
    since each language has its own.
    """
    found, wanted = _tokens(given), _tokens(right)
    if not found or not wanted:
        return exact(given, right)
    same = (found & wanted).total()
    return 2 * same / (found.total() + wanted.total())


def anls(given: str, right: str) -> float:
    """Normalised Levenshtein similarity, 0-1, and 0 from half the characters wrong on.

    Average it over questions (Biten et al. 2019, "Scene text visual question answering", section
    4). Case and the number of blanks do not count, all else does.
    """
    found, wanted = (" ".join(text.lower().split()) for text in (given, right))
    distance = Levenshtein.normalized_distance(found, wanted)
    return 1 - distance if distance < _ANLS_THRESHOLD else 0.0


def score_answers(pairs: Iterable[tuple[str | None, Mapping[str, float]]]) -> dict[str, float]:
    """The means over questions of all four scores, 0-1; empty without a question.

    `answers_em`, `answers_f1` and `answers_anls` are those of the true answer that is nearest;
    `answers_acc` is how far people agree on the answer that was given (Antol et al. 2015).

    Args:
        pairs: for each question the text that was given, None for nothing at all, which is always
            wrong; and the texts that are right with their scores, 0-1. An empty text says that
            the document has no answer.
    """
    sums = dict.fromkeys(("answers_em", "answers_f1", "answers_anls", "answers_acc"), 0.0)
    questions = 0
    for given, right in pairs:
        questions += 1
        if given is None:
            continue
        for name, measure in (
            ("answers_em", exact), ("answers_f1", token_f1), ("answers_anls", anls)
        ):  # fmt: skip
            sums[name] += max((measure(given, text) for text in right), default=0.0)
        agreed = (score for text, score in right.items() if exact(given, text))
        sums["answers_acc"] += max(agreed, default=0.0)
    return {name: total / questions for name, total in sums.items()} if questions else {}


def _bare(word: str) -> str:
    start, end = 0, len(word)
    while start < end and unicodedata.category(word[start]).startswith("P"):
        start += 1
    while start < end and unicodedata.category(word[end - 1]).startswith("P"):
        end -= 1
    return word[start:end]


def _tokens(text: str) -> Counter[str]:
    return Counter(token for word in folded_words(text) for token in _TOKEN.findall(word))
