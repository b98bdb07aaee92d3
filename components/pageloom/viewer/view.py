"""What is shown of a document, as plain JSON: version 1 of the view, read by every front end."""

from __future__ import annotations

import hashlib
import math
import re
from typing import TYPE_CHECKING, Literal, TypedDict

if TYPE_CHECKING:
    from spacy.tokens import Doc

    from pageloom.document.types import Answer, Box, Check, DocumentError, Field, Page

__all__ = [
    "AnswerView",
    "CheckView",
    "ErrorView",
    "FieldView",
    "Link",
    "PageView",
    "Summary",
    "View",
    "document_view",
    "plain",
    "summary",
]

Status = Literal["ok", "partial", "failed"]

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")


class PageView(TypedDict):
    """A page: its number from 1, its size in pixels (0 where it is not known)."""

    number: int
    width: int
    height: int


class FieldView(TypedDict):
    """A field: `rank` is 0 for the likeliest of its label, `box` on 0-1000, origin top left."""

    label: str
    rank: int
    text: str
    value: str | None
    score: float
    page: int | None
    box: list[int] | None


class CheckView(TypedDict):
    """A check of fields against each other; `passed` is None where it could not be made."""

    name: str
    passed: bool | None
    message: str
    labels: list[str]


class AnswerView(TypedDict):
    """An answer; `text` is empty where the document holds none."""

    question: str
    text: str
    score: float
    page: int | None
    box: list[int] | None
    component: str


class ErrorView(TypedDict):
    """What failed, for a page or for the whole document."""

    component: str
    category: str
    page: int | None
    message: str


class Link(TypedDict):
    """A way to more: `href` is a path on the server that shows the view."""

    text: str
    href: str


class View(TypedDict):
    """All that is shown of a document; `lowest` is the lowest score of its labels' best fields."""

    version: Literal[1]
    id: str
    name: str
    source: str
    status: Status
    lowest: float | None
    pages: list[PageView]
    fields: list[FieldView]
    checks: list[CheckView]
    answers: list[AnswerView]
    classes: dict[str, float]
    errors: list[ErrorView]
    links: list[Link]


class Summary(TypedDict):
    """A document in a list. `fields` counts labels, `first_page` is the page of its thumbnail."""

    id: str
    name: str
    status: Status
    pages: int
    fields: int
    errors: int
    lowest: float | None
    classes: dict[str, float]
    failed_checks: int
    review: Literal["waiting", "done"] | None
    labels: list[str]
    first_page: int


def document_view(doc: Doc) -> View:
    """The view of a document: what `doc._` and `doc.cats` hold, without words and pixels.

    Its id is the hash of the document's content; of its source where nothing could be read.
    """
    source = plain(doc._.source or next((page.source for page in doc._.pages), ""))
    fields = [
        _field(label, rank, field)
        for label, found in doc._.fields.items()
        for rank, field in enumerate(found)
    ]
    return {
        "version": 1,
        "id": plain(doc._.sha256) or hashlib.sha256(source.encode()).hexdigest(),
        "name": re.split(r"[/\\]", source.rstrip("/\\"))[-1] or "document",
        "source": source,
        "status": doc._.status,
        "lowest": min((field["score"] for field in fields if field["rank"] == 0), default=None),
        "pages": [_page(page) for page in doc._.pages],
        "fields": fields,
        "checks": [_check(check) for check in doc._.checks],
        "answers": [_answer(doc, answer) for answer in doc._.answers],
        "classes": {plain(name): _share(score) for name, score in doc.cats.items()},
        "errors": [_error(error) for error in doc._.errors],
        "links": [],
    }


def summary(view: View) -> Summary:
    """What lists show of a document."""
    best = [field["label"] for field in view["fields"] if field["rank"] == 0]
    return {
        "id": view["id"],
        "name": view["name"],
        "status": view["status"],
        "pages": len(view["pages"]),
        "fields": len(best),
        "errors": len(view["errors"]),
        "lowest": view["lowest"],
        "classes": view["classes"],
        "failed_checks": sum(check["passed"] is False for check in view["checks"]),
        "review": None,
        "labels": best,
        "first_page": view["pages"][0]["number"] if view["pages"] else 1,
    }


def plain(text: str) -> str:
    """`text` without what UTF-8 cannot hold or nobody can see: surrogates, control characters."""
    return _CONTROL.sub("\ufffd", text.encode("utf-8", "replace").decode("utf-8"))


def _share(score: float) -> float:
    """A score within 0 to 1; 0 for one that is no number."""
    return min(1.0, max(0.0, float(score))) if math.isfinite(score) else 0.0


def _box(box: Box | None) -> list[int] | None:
    return None if box is None else [int(edge) for edge in box]


def _page(page: Page) -> PageView:
    return {"number": page.number, "width": page.width, "height": page.height}


def _field(label: str, rank: int, field: Field) -> FieldView:
    return {
        "label": plain(label),
        "rank": rank,
        "text": plain(field.text),
        "value": None if field.value is None else plain(field.value),
        "score": _share(field.score),
        "page": field.page,
        "box": _box(field.box),
    }


def _check(check: Check) -> CheckView:
    return {
        "name": plain(check.name),
        "passed": check.passed,
        "message": plain(check.message),
        "labels": [plain(label) for label in check.labels],
    }


def _answer(doc: Doc, answer: Answer) -> AnswerView:
    spans = answer.start is not None and answer.end is not None
    box = doc[answer.start : answer.end]._.box if spans else None
    return {
        "question": plain(answer.question),
        "text": plain(answer.text),
        "score": _share(answer.score),
        "page": answer.page,
        "box": _box(box),
        "component": plain(answer.component),
    }


def _error(error: DocumentError) -> ErrorView:
    return {
        "component": plain(error.component),
        "category": plain(error.category),
        "page": error.page,
        "message": plain(error.message),
    }
