"""Scores a model on test layouts: `python -m recipes.docqa_sm.evaluate`.

Pages of layouts that no training saw are asked with phrases that no training used, by the component
that users run: from the exact words, and with `--engine` from a damaged picture through OCR.
`--component layoutlmv2_qa --model pageloom/docqa-visual-sm` scores the one that sees pages too.
"""

from __future__ import annotations

import argparse
import logging
import random
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import spacy
import torch
from spacy.pipeline import Pipe
from spacy.tokens import Doc
from spacy.vocab import Vocab

from pageloom import open_document
from pageloom.document.extensions import set_tokens
from recipes.docqa_sm.questions import Known, Question, ask, places, plain
from recipes.docqa_sm.score import Score, table
from recipes.docqa_sm.train import drawn_kinds
from recipes.docqa_visual_sm.pages import LONG_EDGE
from recipes.documents.damage import render
from recipes.documents.dataset import KINDS, Example, draw, in_order, layouts
from recipes.documents.layout import Split
from recipes.documents.scans import read_scans
from recipes.documents.sheet import Sheet

__all__ = ["Page", "pages_of"]


@dataclass(frozen=True)
class Page:
    """A page of a test layout, and what is asked of it."""

    sheet: Sheet
    example: Example
    questions: tuple[Question, ...]

    def parts(self, question: Question) -> list[str]:
        """Under what the answer to a question is counted."""
        there = "answer on the page" if question.keys else "no answer"
        language = f"language {self.example.language}"
        return [there, f"asked by {question.form}", self.example.kind, language]


def pages_of(
    kinds: Sequence[str], each: int, questions: int = 8, split: Split = "test"
) -> list[Page]:
    """`each` pages of each kind, of as many layouts, with up to so many questions each.

    Of a value that other words interrupt in reading order no part is the answer; it is not asked
    for.
    """
    known = Known()
    drawn: list[tuple[Sheet, Example]] = []
    for kind in kinds:
        for layout in list(layouts(kind, split))[:each]:
            sheet = draw(kind, layout, seed=1)
            words = in_order(sheet.words, (sheet.width, sheet.height), "rows")
            page = Example(
                kind, layout.language, tuple(words), dict(sheet.captions), dict(sheet.facts)
            )
            known.add(page)
            drawn.append((sheet, page))
    found = []
    for number, (sheet, page) in enumerate(drawn):
        asked = ask(page, random.Random(number), questions, known, part="test")
        kept = tuple(q for q in asked if not q.keys or places(q, page.words))
        found.append(Page(sheet, page, kept))
    return found


def word_doc(page: Page, vocab: Vocab, *, seen: bool) -> Doc:
    """A `Doc` of a page's exact words; with its undamaged picture, where it is to be seen."""
    doc = Doc(vocab, words=page.example.texts)
    if seen:
        dpi = 72 * LONG_EDGE / max(page.sheet.width, page.sheet.height)
        doc._.pages = open_document(render(page.sheet, dpi), vocab)._.pages
    set_tokens(doc, page.example.boxes, [1] * len(doc), [1.0] * len(doc))
    return doc


def answered(qa: Pipe, docs: Iterable[Doc], asked: Sequence[Page]) -> Iterator[Doc]:
    """The documents with their answers."""

    def with_questions() -> Iterator[Doc]:
        for doc, page in zip(docs, asked, strict=True):
            doc._.questions = [question.text for question in page.questions]
            yield doc

    yield from qa.pipe(with_questions())


def scored(docs: Iterable[Doc], asked: Sequence[Page]) -> Score:
    """Each best answer's text against the right ones."""
    score = Score()
    for doc, page in zip(docs, asked, strict=True):
        given = {answer.question: answer.text for answer in doc._.answers}
        for question in page.questions:
            score.add(given[question.text], question.answers, page.parts(question))
    return score


def read_at_all(docs: Sequence[Doc], asked: Sequence[Page]) -> float:
    """The share of the answers that stand in the engine's text in one piece."""
    right = count = 0
    for doc, page in zip(docs, asked, strict=True):
        text = plain(doc.text)
        for question in page.questions:
            if question.keys:
                count += 1
                right += any(plain(answer) in text for answer in question.answers)
    return right / max(1, count)


def main() -> None:
    """Read the arguments and print the report."""
    logging.getLogger("pageloom").setLevel(logging.ERROR)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="pageloom/docqa-sm")
    parser.add_argument("--component", choices=("lilt_qa", "layoutlmv2_qa"), default="lilt_qa")
    parser.add_argument("--split", choices=("validation", "test"), default="test")
    parser.add_argument("--each", type=int, default=40, help="pages of each kind")
    parser.add_argument("--engine", action="append", default=[], help="an OCR engine; repeatable")
    parser.add_argument("--scans", type=int, default=10, help="pages of each kind through OCR")
    parser.add_argument("--kind", action="append", choices=KINDS, help="only this; may be repeated")
    parser.add_argument("--dtype", default="auto")
    args = parser.parse_args()
    torch.set_num_threads(1)
    kinds = args.kind or drawn_kinds()
    asked = pages_of(kinds, args.each, split=args.split)
    vocab = Vocab()
    settings = {"model": args.model, "dtype": args.dtype}
    qa = cast(Pipe, spacy.blank("xx").add_pipe(args.component, config=settings))
    docs = [word_doc(page, vocab, seen=args.component == "layoutlmv2_qa") for page in asked]
    start = time.perf_counter()
    score = scored(answered(qa, docs, asked), asked)
    seconds = time.perf_counter() - start
    print(f"# {args.model} on {len(asked)} pages of {args.split} layouts\n")
    print(
        f"## Exact words ({1000 * seconds / score.questions:.0f} ms a question)\n\n{table(score)}"
    )
    for engine in args.engine:
        some = pages_of(kinds, args.scans, split=args.split)
        docs = list(read_scans([page.sheet for page in some], engine))
        score = scored(answered(qa, docs, some), some)
        print(f"\n## Damaged pictures, OCR by {engine}\n\n{table(score)}")
        print(f"\nAnswers that stand in the text it read: {read_at_all(docs, some):.3f}")


if __name__ == "__main__":
    main()
