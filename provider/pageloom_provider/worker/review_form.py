"""The form of a review, for Airflow's page: its heading, its text in Markdown, its fields.

That page shows the text once, above the fields of all documents. It shows pictures of its own
origin only, so the text refers to those of the page "Documents" and carries none itself. Fields
have plain descriptions.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from pageloom_provider.views import MOUNT, root_path
from pageloom_provider.worker.reviews import AskedField, Question, value_key, withdrawal_key

if TYPE_CHECKING:
    from airflow.sdk import Param

__all__ = ["form_body", "form_fields", "form_subject"]

# Of pages in pixels: for the part around a field, and where no words say the value.
_LARGE, _THUMBNAIL = 1600, 240
_SHOWN = 4
"""The most fields of a document that are shown on its page."""


def form_subject(questions: Sequence[Question]) -> str:
    """The heading: the document's name, or how many there are."""
    if len(questions) == 1:
        return f"Review {_name(questions[0])}"
    return f"Review {len(questions)} documents"


def form_body(questions: Sequence[Question], run: str | None) -> str:
    """What is doubtful, in Markdown, with pictures of each such field on its page and links to it.

    Args:
        questions: the documents.
        run: the run's id on the page "Documents"; None where it has no views of them.
    """
    parts = [
        "Correct what is wrong and empty what the document does not have. **Confirm** says that "
        "all values below are right now."
    ]
    for number, question in enumerate(questions, start=1):
        head = escaped(_name(question))
        parts.append(f"### {number}\\. {head}" if len(questions) > 1 else f"### {head}")
        parts.append("\n".join(f"- {escaped(doubt)}" for doubt in question.doubts))
        if run is None:
            continue
        doubtful = [field for field in question.fields if field.doubts] or [*question.fields[:1]]
        placed = [field for field in doubtful if field.box is not None][:_SHOWN]
        for field in placed or doubtful[:1]:
            label, link = escaped(field.label), document_link(run, question, field)
            parts.append(f"[Look at {label} on its page]({link})")
            parts.append(f"[![{label}]({_picture(run, question, field)})]({link})")
    return "\n\n".join(parts)


def form_fields(questions: Sequence[Question]) -> dict[str, Param]:
    """The values that were read, as a form's fields; in the order of the documents."""
    from airflow.sdk import Param

    several = len(questions) > 1
    fields: dict[str, Param] = {}
    for number, question in enumerate(questions, start=1):
        prefix = f"{number}. {_name(question)}: " if several else ""
        for asked in question.fields:
            schema: dict[str, Any] = {
                "type": ["string", "null"],  # the second: it may be left empty
                "title": f"{prefix}{asked.label}",
            }
            if asked.others:
                schema["examples"] = [*asked.others]
            fields[value_key(number, asked.label)] = Param(
                asked.text, description=_told(asked), **schema
            )
        if several:
            fields[withdrawal_key(number)] = Param(
                False,
                type="boolean",
                title=f"{prefix}put in quarantine",
                description="This document alone; its values above do not count.",
            )
    return fields


def document_link(run: str, question: Question, field: AskedField) -> str:
    """A field on the page "Documents", with its box lit."""
    return f"{_document(run, question)}?field={quote(field.label, safe='')}"


def escaped(text: str) -> str:
    """A document's text with no meaning in Markdown."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", " ".join(text.split()))


def _picture(run: str, question: Question, field: AskedField) -> str:
    pages = f"{_document(run, question, api=True)}/pages/{field.page or 1}.webp"
    if field.box is None:
        return f"{pages}?width={_THUMBNAIL}"
    return f"{pages}?width={_LARGE}&box={','.join(map(str, field.box))}"


def _document(run: str, question: Question, *, api: bool = False) -> str:
    place = "api" if api else "#"
    run, document = quote(run, safe=""), quote(question.sha256, safe="")
    return f"{root_path()}{MOUNT}/{place}/runs/{run}/documents/{document}"


def _told(asked: AskedField) -> str:
    """What a person wants to know of a value, in plain text."""
    if asked.score is None:
        known = ["none was found"]
    else:
        page = "" if asked.page is None else f", page {asked.page}"
        known = [f"read with confidence {asked.score:.2f}{page}"]
    return "; ".join([*known, *asked.doubts])


def _name(question: Question) -> str:
    return question.source.rstrip("/").rpartition("/")[2] or question.source
