"""The extensions of `Doc`, `Token` and `Span`.

Values lie in `doc.user_data` under the keys that spaCy itself uses, so `as_doc`, `from_docs`,
`to_bytes` and `DocBin` treat them as they treat any extension. Getters give back the types that
were stored: msgpack turns tuples into lists, or lists into tuples.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from spacy.tokens import Doc, Span, Token

from pageloom.document.content import CONTENTS, Content
from pageloom.document.types import Box

__all__ = ["clamp_box", "doc_status", "register", "set_tokens", "union"]


def _data(doc: Doc) -> dict[Any, Any]:
    """`doc.user_data`, whose type in spaCy's stubs leaves out the tuples it has for keys."""
    return doc.user_data


def _doc_key(name: str) -> tuple[str, str, None, None]:
    return ("._.", name, None, None)


def _get_list(name: str, doc: Doc) -> list[Any]:
    """The list is stored when it is given out, so that `doc._.errors.append(...)` lasts."""
    key = _doc_key(name)
    value = _data(doc).get(key)
    if type(value) is not list:
        value = _data(doc)[key] = list(value or ())
    return value


def _get_dict(name: str, doc: Doc) -> dict[str, Any]:
    key = _doc_key(name)
    value: dict[str, Any] | None = _data(doc).get(key)
    if value is None:
        value = _data(doc)[key] = {}
    return value


def _get_text(name: str, doc: Doc) -> str:
    return _data(doc).get(_doc_key(name)) or ""


def _set_doc(name: str, kind: Callable[[Any], Any], doc: Doc, value: Any) -> None:
    _data(doc)[_doc_key(name)] = kind(value)


def _get_pages(doc: Doc) -> list[Any]:
    pages = _get_list("pages", doc)
    contents: Sequence[Content] = _data(doc).get(CONTENTS) or ()
    if contents and any(page.content is None for page in pages):
        whole = next((content for content in contents if content.page is None), None)
        single = {content.page: content for content in contents if content.page is not None}
        pages[:] = [replace(page, content=single.get(page.number, whole)) for page in pages]
    return pages


def _get_fields(doc: Doc) -> dict[str, list[Any]]:
    found = _get_dict("fields", doc)
    for label, values in found.items():
        if type(values) is not list:
            found[label] = list(values)
    return found


def _get_line_items(doc: Doc) -> list[dict[str, Any]]:
    from pageloom.fields.line_items import group_rows

    return group_rows(_get_fields(doc))


def doc_status(doc: Doc) -> str:
    """ "ok" without errors; "partial" while something of the document remains; else "failed"."""
    errors = _data(doc).get(_doc_key("errors")) or ()
    if not errors:
        return "ok"
    if len(doc) or _data(doc).get(_doc_key("answers")):
        return "partial"
    pages = {page.number for page in _data(doc).get(_doc_key("pages")) or ()}
    broken = {error.page for error in errors}
    return "partial" if None not in broken and pages - broken else "failed"


def _get_token(name: str, token: Token) -> Any:
    return _data(token.doc).get(("._.", name, token.idx, None))


def _token_box(token: Token) -> Box | None:
    value = _get_token("box", token)
    return None if value is None else tuple(value)


def _set_token(name: str, kind: Callable[[Any], Any], token: Token, value: Any) -> None:
    key = ("._.", name, token.idx, None)
    _data(token.doc)[key] = None if value is None else kind(value)


def clamp_box(box: Iterable[float]) -> Box:
    """`box` as four ints within 0 to 1000, with its corners in order.

    Raises:
        ValueError: it has not four numbers.
    """
    values = list(box)
    if len(values) != 4:
        raise ValueError(f"a box is (x0, y0, x1, y1), four numbers from 0 to 1000; got {values!r}")
    x0, y0, x1, y1 = (min(1000, max(0, int(value))) for value in values)
    return min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)


def union(boxes: Iterable[Box]) -> Box | None:
    """The smallest box around all of `boxes`; None for none."""
    found = list(boxes)
    if not found:
        return None
    x0, y0, x1, y1 = zip(*found, strict=True)
    return min(x0), min(y0), max(x1), max(y1)


def _span_page(span: Span) -> int | None:
    data = _data(span.doc)
    pages = (data.get(("._.", "page", token.idx, None)) for token in span)
    return next((page for page in pages if page is not None), None)


def _span_box(span: Span) -> Box | None:
    """Union of the boxes on the span's first page: a box cannot lie on two pages."""
    page = _span_page(span)
    data = _data(span.doc)
    return union(
        box
        for token in span
        if data.get(("._.", "page", token.idx, None)) == page
        and (box := _token_box(token)) is not None
    )


def set_tokens(
    doc: Doc, boxes: Sequence[Box], pages: Sequence[int], confidences: Sequence[float]
) -> None:
    """Give all tokens of `doc` their box, page and confidence at once.

    It writes what the extensions would write, without their cost for each token: 20,000 words take
    milliseconds.
    """
    data, at = _data(doc), 0
    for text, box, page, confidence in zip(
        (token.text_with_ws for token in doc), boxes, pages, confidences, strict=True
    ):
        data["._.", "box", at, None] = box
        data["._.", "page", at, None] = page
        data["._.", "confidence", at, None] = confidence
        at += len(text)


def _doc_pair(name: str, getter: Callable[..., Any], kind: Callable[[Any], Any]) -> dict[str, Any]:
    get = getter if getter in (_get_pages, _get_fields) else partial(getter, name)
    return {"getter": get, "setter": partial(_set_doc, name, kind)}


def _token_pair(name: str, kind: Callable[[Any], Any]) -> dict[str, Any]:
    getter = _token_box if name == "box" else partial(_get_token, name)
    return {"getter": getter, "setter": partial(_set_token, name, kind)}


# Functions and partials only: spaCy pickles them for a process that it spawns.
_EXTENSIONS: dict[type[Doc] | type[Span] | type[Token], dict[str, dict[str, Any]]] = {
    Doc: {
        "pages": _doc_pair("pages", _get_pages, list),
        "layout_tokens": _doc_pair("layout_tokens", _get_dict, dict),
        "fields": _doc_pair("fields", _get_fields, dict),
        "checks": _doc_pair("checks", _get_list, list),
        "line_items": {"getter": _get_line_items},
        "questions": _doc_pair("questions", _get_list, list),
        "answers": _doc_pair("answers", _get_list, list),
        "errors": _doc_pair("errors", _get_list, list),
        "source": _doc_pair("source", _get_text, str),
        "sha256": _doc_pair("sha256", _get_text, str),
        "status": {"getter": doc_status},
    },
    Token: {
        "box": _token_pair("box", clamp_box),
        "page": _token_pair("page", int),
        "confidence": _token_pair("confidence", float),
    },
    Span: {"box": {"getter": _span_box}, "page": {"getter": _span_page}},
}


def register() -> None:
    """Register the extensions; calling it again changes nothing.

    An extension that another package registered under one of these names is replaced, with a
    warning: pageloom's components cannot work beside it.
    """
    for owner, extensions in _EXTENSIONS.items():
        for name, arguments in extensions.items():
            if owner.has_extension(name):
                if owner.get_extension(name)[2] is arguments["getter"]:
                    continue
                warnings.warn(
                    f"pageloom replaces the extension {owner.__name__}._.{name} that another "
                    "package registered; rename that one where its package allows it",
                    stacklevel=2,
                )
            owner.set_extension(name, force=True, **arguments)
