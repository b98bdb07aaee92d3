"""The true answers of an example, and the words of the document that they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from spacy.tokens import Doc
from spacy.training import Example

from pageloom.document import Answer
from pageloom.pipes.answer_scores import folded, folded_words

__all__ = ["AnswerError", "Asked", "answer_words", "find_words", "gold_questions"]

Range = tuple[int, int]


class AnswerError(ValueError):
    """A true answer that nothing can be learned from."""


class Asked(NamedTuple):
    """A question with its true answers; an answer without a text says that there is none."""

    question: str
    answers: tuple[Answer, ...]

    @property
    def texts(self) -> dict[str, float]:
        """The right texts with their scores, 0-1; the highest of a text that comes twice."""
        found: dict[str, float] = {}
        for answer in self.answers:
            found[answer.text] = max(answer.score, found.get(answer.text, 0.0))
        return found

    @property
    def told(self) -> tuple[Answer, ...]:
        """The answers that have a text."""
        return tuple(answer for answer in self.answers if answer.text.strip())


def gold_questions(doc: Doc) -> list[Asked]:
    """The questions to which `doc` has answers of the component "gold", in order."""
    found: dict[str, list[Answer]] = {}
    for answer in doc._.answers:
        if answer.component == "gold":
            found.setdefault(answer.question, []).append(answer)
    return [Asked(question, tuple(answers)) for question, answers in found.items()]


def answer_words(example: Example, asked: Asked) -> list[Range]:
    """The words of `example.predicted` that answer, as (first, one past the last).

    Of several true answers those with words count, and the others are further spellings. Where
    none has words the texts are looked for in the document, and each place where one stands is
    right. Empty where the document has no answer.

    Raises `AnswerError` for words that the document does not have, and where a text stands nowhere
    in it.
    """
    placed = [(a.start, a.end) for a in asked.told if a.start is not None and a.end is not None]
    if placed:
        return [_aligned(example, asked, *place) for place in placed]
    if not asked.told:
        return []
    words = [token.text for token in example.predicted]
    found = {place for answer in asked.told for place in find_words(words, answer.text)}
    if not found:
        texts = ", ".join(repr(answer.text) for answer in asked.told)
        raise AnswerError(
            f"the answer to {asked.question!r}, {texts}, is not among the words of the document; "
            "say with start and end which words answer, or leave the question out"
        )
    return sorted(found)


def find_words(words: Sequence[str], text: str) -> list[Range]:
    """Where whole words make up `text`, but for case, blanks and punctuation around words."""
    wanted = folded(text)
    starts: dict[int, int] = {}
    ends: dict[int, int] = {}
    whole = ""
    for number, word in enumerate(words):
        bare = "".join(folded_words(word))
        if bare:
            starts[len(whole)] = number
            whole += bare
            ends[len(whole)] = number + 1
    found = []
    at = whole.find(wanted) if wanted else -1
    while at >= 0:
        if at in starts and at + len(wanted) in ends:
            found.append((starts[at], ends[at + len(wanted)]))
        at = whole.find(wanted, at + 1)
    return found


def _aligned(example: Example, asked: Asked, start: int, end: int) -> Range:
    given, doc = example.reference, example.predicted
    if not 0 <= start < end <= len(given):
        raise AnswerError(
            f"the answer to {asked.question!r} has the words {start} to {end}, and there are "
            f"{len(given)} words"
        )
    if [token.text for token in given] == [token.text for token in doc]:
        return start, end
    spans = example.get_aligned_spans_y2x([given[start:end]], allow_overlap=True)
    if not spans:
        raise AnswerError(
            f"the answer to {asked.question!r}, {given[start:end].text!r}, does not begin and end "
            "with words of the document as the pipeline reads it"
        )
    return spans[0].start, spans[0].end
