"""What the model is asked, in many wordings, and what it answers.

A topic is one thing to know about a page. Its questions are made from patterns and from words for
the thing; the last of the patterns and of the words are kept for evaluation ("held out"), so the
scores say how well the model takes a question that it was never trained on.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = [
    "ANSWERS",
    "KIND_NAMES",
    "MOST_ITEMS",
    "TOPICS",
    "all_texts",
    "answer",
    "question",
    "statement",
]

MOST_ITEMS = 20
THINGS = ("signature", "stamp", "logo", "table", "barcode", "handwriting")
TOPICS = ("kind", *THINGS, "line_items", "orientation")
KIND_NAMES = (
    "invoice", "receipt", "letter", "form", "report", "resume", "bank statement", "other",
)  # fmt: skip
ANSWERS = (
    *KIND_NAMES, "yes", "no", "portrait", "landscape", *map(str, range(MOST_ITEMS + 1)), "more",
)  # fmt: skip


@dataclass(frozen=True)
class Wording:
    """The wordings of a topic: `{}` in a pattern is one of the words."""

    patterns: Sequence[str]
    held_patterns: Sequence[str]
    words: Sequence[str] = ("",)
    held_words: Sequence[str] = ()

    def texts(self, held: bool) -> list[str]:
        """All that may be asked in training, or only in evaluation."""
        if not held:
            return [p.format(w) for p in self.patterns for w in self.words]
        words = [*self.words, *self.held_words]
        open_patterns = [p for p in self.patterns if "{}" in p]
        return [
            *(p.format(w) for p in self.held_patterns for w in words),
            *(p.format(w) for p in open_patterns for w in self.held_words),
        ]


PAPER = ("document", "page", "paper", "scan", "picture", "image", "sheet", "file")
PRESENT = (
    "is there {}?", "is there {} on the page?", "is there {} on this document?",
    "does this document have {}?", "does the page have {}?", "does it have {}?",
    "does this page contain {}?", "does the document contain {}?", "do you see {}?",
    "can you see {}?", "can you see {} on the page?", "do you see {} anywhere?",
    "does the page show {}?", "does the picture show {}?", "can you find {}?",
    "has this page got {}?", "are you able to see {} here?", "does this scan include {}?",
    "is {} present?", "is {} present on this document?", "is {} visible?",
    "is {} visible on the page?", "does {} appear on this page?", "does {} appear in the image?",
    "tell me if there is {}", "check whether the page has {}", "look for {}", "{}?",
    "is there {} or not?", "would you say that there is {}?", "yes or no: is there {}?",
    "please check if the document contains {}", "i wonder if there is {} on it",
)  # fmt: skip
HELD_PRESENT = (
    "is there {} to be seen?", "has the document got {}?", "can {} be seen on this page?",
    "does this sheet of paper have {}?", "do we have {} here?",
    "please tell me whether there is {} on this page",
)  # fmt: skip

WORDINGS: Mapping[str, Wording] = {
    "kind": Wording(
        (
            "what kind of {} is this?", "what type of {} is this?", "what sort of {} is this?",
            "which kind of {} is it?", "which type of {} is it?", "which type of {} do you see?",
            "what kind of {} is shown?", "what type of {} is shown here?", "what is the {} type?",
            "what is the type of this {}?", "what is the type of the {}?",
            "what is the kind of this {}?", "how would you classify this {}?", "classify this {}",
            "classify the {}", "name the type of this {}", "what is this {}?",
            "what does this {} show?", "tell me the type of this {}",
            "what is the class of this {}?",
            "is this {} an invoice, a receipt, a letter or something else?",
            "what category does this {} belong to?", "what {} is this?",
        ),
        (
            "what kind of {} am i looking at?", "which category is this {} in?",
            "can you tell me what sort of {} this is?", "what would you call this {}?",
        ),
        ("document", "page", "paper", "scan", "file", "document in the picture"),
        ("business document", "printed page"),
    ),
    "signature": Wording(
        (*PRESENT, "is the document signed?", "is it signed?", "did someone sign it?",
         "is this page signed?", "has somebody signed the document?", "was this signed?",
         "did anybody sign the page?", "has it been signed?", "signed or not?"),
        (*HELD_PRESENT, "has this paper been signed by anyone?", "did a person sign here?"),
        ("a signature", "any signature", "a signature by hand", "someone's signature",
         "a handwritten signature", "a person's signature"),
        ("an autograph", "a signature in ink", "a signature of someone"),
    ),
    "stamp": Wording(
        (*PRESENT, "is the document stamped?", "is it stamped?", "did someone stamp it?",
         "has it been stamped?", "was this page stamped?", "stamped or not?"),
        (*HELD_PRESENT, "has this paper been stamped by anyone?"),
        ("a stamp", "any stamp", "a rubber stamp", "an ink stamp", "a stamp mark",
         "an office stamp", "a company stamp", "a stamp or seal", "a date stamp"),
        ("an official stamp", "a seal", "the print of a stamp"),
    ),
    "logo": Wording(
        PRESENT,
        HELD_PRESENT,
        ("a logo", "any logo", "a company logo", "the logo of a company", "a company's logo",
         "a brand logo", "the sender's logo", "a logo of the sender"),
        ("a business logo", "an emblem of the company", "a corporate logo"),
    ),
    "table": Wording(
        PRESENT,
        HELD_PRESENT,
        ("a table", "any table", "a table with rows and columns", "rows and columns",
         "data in a table", "a table of values", "a table of data", "a table of numbers",
         "a list in columns"),
        ("a grid of data", "tabular data", "a table of entries"),
    ),
    "barcode": Wording(
        PRESENT,
        HELD_PRESENT,
        ("a barcode", "any barcode", "a bar code", "a barcode or qr code",
         "a code to scan", "a machine readable code", "a bar code or a qr code"),
        ("a scannable code", "a code that a machine can read"),
    ),
    "handwriting": Wording(
        (*PRESENT, "did someone write on it by hand?", "is anything written by hand?",
         "is something handwritten?", "did somebody write on the page?",
         "are there words written by hand?", "are there notes by hand?",
         "is it filled in by hand?"),
        (*HELD_PRESENT, "has anyone written words on this page with a pen?",
         "are any words handwritten?"),
        ("handwriting", "any handwriting", "handwritten text", "a handwritten note",
         "text written by hand", "a note by hand", "some handwriting", "handwritten words",
         "anything written with a pen"),
        ("handwritten notes", "words in handwriting", "a remark by hand"),
    ),
    "line_items": Wording(
        (
            "how many {} are there?", "how many {} does it have?", "how many {} do you see?",
            "how many {} does this document have?", "how many {} are listed?",
            "how many {} are on the page?", "how many {} does the page list?",
            "count the {}", "what is the number of {}?", "tell me the number of {}",
            "number of {}?", "how many {} are in the table?", "how many {} are on this document?",
            "how many {} does the document contain?", "how many {} can you see?",
            "please count the {}", "how many {} are shown?",
        ),
        (
            "how many {} can be seen on this page?", "what is the count of {}?",
            "can you count the {} for me?",
        ),
        ("line items", "items", "positions", "articles", "products", "invoice lines", "item rows",
         "items in the list", "rows of items", "items sold"),
        ("goods and services", "things sold", "billed items"),
    ),
    "orientation": Wording(
        (
            "is the {} portrait or landscape?", "is this {} in portrait or landscape format?",
            "what is the orientation of the {}?", "what orientation does the {} have?",
            "which orientation has the {}?", "what is the {} orientation?",
            "is this a portrait or a landscape {}?", "landscape or portrait {}?",
            "portrait or landscape?", "what format does the {} have, portrait or landscape?",
            "which way is the {} turned, portrait or landscape?", "how is the {} oriented?",
            "tell me the orientation of the {}", "is the {} upright or wide?",
            "in which orientation is this {}?",
        ),
        (
            "does the {} have landscape or portrait orientation?",
            "is this {} taller than wide or wider than tall?", "what is this {}'s orientation?",
        ),
        PAPER,
        ("layout", "printed page"),
    ),
}  # fmt: skip

# -- statements ------------------------------------------------------------------------------------

KIND_PHRASES = {
    "invoice": ("an invoice", "a bill", "a supplier's invoice"),
    "receipt": ("a receipt", "a shop receipt", "a till receipt"),
    "letter": ("a letter", "a business letter", "a typed letter"),
    "form": ("a form", "a form to fill in", "an application form"),
    "report": ("a report", "a written report", "a page of a report"),
    "resume": ("a resume", "a curriculum vitae", "a cv"),
    "bank statement": ("a bank statement", "an account statement", "a statement of an account"),
    "other": ("another kind of document", "some other document", "a document of another kind"),
}
MARK_PHRASES = {
    "signature": ("a signature", "a handwritten signature", "someone's signature"),
    "stamp": ("a stamp", "a rubber stamp", "an ink stamp"),
    "logo": ("a logo", "a company logo", "a company's logo"),
    "table": ("a table", "a table with rows and columns", "rows and columns"),
    "barcode": ("a barcode", "a barcode or qr code", "a code to scan"),
    "handwriting": ("handwriting", "handwritten text", "a note by hand"),
}
ANY = ("a document", "a page", "a paper", "a scan")
FRAMES = (
    "{}",
    "this is {}",
    "it is {}",
    "the page shows {}",
    "the picture shows {}",
    "it shows {}",
)
HELD_FRAMES = ("here we see {}", "this picture is of {}")
WITH, WITHOUT = ("with", "that has", "showing"), ("without", "that has no", "with no")


def question(topic: str, chance: random.Random, held: bool = False) -> str:
    """A question about a topic, as people type it: with or without its mark, in any case."""
    text = chance.choice(WORDINGS[topic].texts(held))
    if chance.random() < 0.3:
        text = text.rstrip("?")
    return text[:1].upper() + text[1:] if chance.random() < 0.5 else text


def answer(topic: str, facts: Mapping[str, Any]) -> str:
    """The right answer for a page."""
    if topic in THINGS:
        return "yes" if facts[topic] else "no"
    if topic == "line_items":
        count = int(facts["line_items"])
        return str(count) if count <= MOST_ITEMS else "more"
    return str(facts[topic])


def statement(
    facts: Mapping[str, Any], true: bool, chance: random.Random, held: bool = False
) -> str:
    """A statement that fits a page, or that does not in one or more of its parts.

    It speaks of the kind, of one or two marks, of the orientation, or of several of these.
    """
    kind = facts["kind"] if chance.random() < 0.6 else None
    marks = chance.sample(THINGS, chance.choice((0, 1, 1, 1, 2) if kind else (1, 1, 2)))
    turned = facts["orientation"] if chance.random() < 0.12 else None
    claims = {mark: bool(facts[mark]) for mark in marks}
    if not true:
        parts = [*marks, *(["kind"] * 2 if kind else []), *(["turned"] if turned else [])]
        wrong = {chance.choice(parts) for _ in range(chance.choice((1, 1, 2)))}
        claims = {mark: claim != (mark in wrong) for mark, claim in claims.items()}
        if "kind" in wrong:
            kind = chance.choice([each for each in KIND_NAMES if each != kind])
        if "turned" in wrong:
            turned = "landscape" if turned == "portrait" else "portrait"
    text = chance.choice(KIND_PHRASES[kind] if kind else ANY)
    if turned:
        text = f"{text} in {turned} format"
    for number, (mark, claim) in enumerate(claims.items()):
        joint = chance.choice(WITH if claim else WITHOUT)
        thing = chance.choice(MARK_PHRASES[mark])
        if joint.endswith("no"):
            thing = thing.removeprefix("a ").removeprefix("someone's ")
        text = f"{text}{' and' if number else ''} {joint} {thing}"
    text = chance.choice(HELD_FRAMES if held else FRAMES).format(text)
    return text[:1].upper() + text[1:] if chance.random() < 0.3 else text


def all_texts() -> list[str]:
    """Every wording there is, held-out ones too: what the vocabulary must be able to spell."""
    texts = [
        text for wording in WORDINGS.values() for h in (False, True) for text in wording.texts(h)
    ]
    phrases = [*KIND_PHRASES.values(), *MARK_PHRASES.values(), ANY, FRAMES, HELD_FRAMES, WITH]
    texts += [text for group in (*phrases, WITHOUT) for text in group]
    return [*texts, *ANSWERS, "in portrait and landscape format"]
