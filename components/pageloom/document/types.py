"""What a `Doc` carries beside its tokens: pages, fields, checks, answers and errors.

All are frozen dataclasses. Each has an encoder for msgpack, so `Doc.to_bytes` and `DocBin` keep it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

import srsly

from pageloom.document.content import Content

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["Answer", "Box", "Check", "DocumentError", "Field", "Page"]

Box = tuple[int, int, int, int]
"""`(x0, y0, x1, y1)` on a page scaled to 1000 x 1000, origin top left."""


@dataclass(frozen=True)
class Page:
    """One page of a document; it refers to its source and holds no pixels.

    Args:
        number: from 1, as printed page counters go, in the source file (not in a selection of it).
        width: pixels, after the EXIF orientation or the PDF's page rotation.
        height: pixels.
        dpi: pixels per inch: the reader's setting for a PDF; for an image what its file says, 0 if
            the file says nothing.
        source: absolute path, URI, or `bytes:<hash>` / `image:<hash>` for what came from memory.
        sha256: hexadecimal digest of the whole document's content.
    """

    number: int
    width: int
    height: int
    dpi: int
    source: str
    sha256: str
    content: Content | None = field(default=None, repr=False, compare=False)

    @property
    def image(self) -> Image.Image:
        """The page as an RGB picture of `width` x `height` pixels.

        It is decoded at first use and kept in this process's cache, which is bounded in bytes:
        treat it as read-only, or copy it. Safe to call from several threads.

        Raises:
            DocumentOpenError: the source is gone, has changed since, or cannot be decoded.
        """
        from pageloom.document.images import page_image

        return page_image(self)


@dataclass(frozen=True)
class Field:
    """A value that a component found on a page.

    Args:
        text: the words as they stand in the document.
        score: 0 to 1; calibrated where the model's checkpoint has a `calibration.json`.
        page: from 1; None where its tokens lie on no page.
        box: union of its words' boxes, 0 to 1000; None where they have none.
        start: first token.
        end: one past the last token.
        value: what the text means, for a label whose kind is known: a date as `2024-03-31`, an
            amount as `1234.50`, an IBAN or tax number without blanks; None where it cannot be read.
        currency: of an amount, its ISO 4217 code; None where the document does not tell.
        checked: True where every check that the field is part of passed, False where one failed,
            None where there was nothing to check; `doc._.checks` has the checks.
    """

    text: str
    score: float
    page: int | None
    box: Box | None
    start: int
    end: int
    value: str | None = None
    currency: str | None = None
    checked: bool | None = None


@dataclass(frozen=True)
class Check:
    """Whether fields of a document agree with each other, or with themselves.

    Args:
        name: one word to compare: `net_tax_total`, `items_total`, `item_amount`, `due_date`,
            `currency`, `iban`, `tax_id`.
        passed: whether they agree.
        labels: of the fields that were compared.
        message: the values, as a person would check them.
    """

    name: str
    passed: bool
    labels: tuple[str, ...]
    message: str


@dataclass(frozen=True)
class Answer:
    """What a component answered to a question.

    Args:
        question: as asked.
        text: the answer; empty where the document holds none.
        score: 0 to 1.
        page: from 1, or None.
        start: first token; None for an answer that is not a span of the document.
        end: one past the last token, or None.
        component: name of the component that answered.
    """

    question: str
    text: str
    score: float
    page: int | None
    start: int | None
    end: int | None
    component: str


@dataclass(frozen=True)
class DocumentError:
    """Something that failed for this document or for one page of it.

    Args:
        component: name of the component, "reader" for the reader.
        category: one word to compare: a `DocumentOpenError.category`, "engine" for an OCR engine
            that is missing or failed, "question" for a question that a model cannot read,
            "unexpected" for anything else.
        page: from 1; None where the whole document is concerned.
        message: names the file, the cause and the way out.
    """

    component: str
    category: str
    page: int | None
    message: str

    @classmethod
    def of(
        cls, error: BaseException, component: str, *, page: int | None = None, source: str = ""
    ) -> DocumentError:
        """The record of an exception that `component` met on `source`."""
        from pageloom.errors import DocumentOpenError, EngineError

        where = source + (f", page {page}" if page is not None else "")
        match error:
            case DocumentOpenError():
                return cls(component, error.category, page, str(error))
            case EngineError():
                return cls(component, "engine", page, f"{where}: {error}" if where else str(error))
            case _:
                detail = f"{type(error).__name__}: {error}"
                return cls(component, "unexpected", page, f"{where}: {detail}" if where else detail)


TAG = "__pageloom__"


def _page(values: dict[str, Any]) -> Page:
    return Page(**values)


def _field(values: dict[str, Any]) -> Field:
    box = values["box"]
    return Field(**{**values, "box": None if box is None else tuple(box)})


def _check(values: dict[str, Any]) -> Check:
    return Check(**{**values, "labels": tuple(values["labels"])})


_DECODERS: dict[str, Callable[[dict[str, Any]], object]] = {
    "Page": _page,
    "Field": _field,
    "Check": _check,
    "Answer": lambda values: Answer(**values),
    "DocumentError": lambda values: DocumentError(**values),
    "Content": lambda values: Content(**values),
}


@srsly.msgpack_encoders("pageloom.document")  # type: ignore[untyped-decorator]
def encode(value: Any, chain: Callable[[Any], Any] | None = None) -> Any:
    """Turn one of this module's objects into a dict with a type tag, for msgpack."""
    if isinstance(value, Page):  # the bytes are stored once for a document, not with each page
        value = replace(value, content=None)
    if isinstance(value, Content):
        return {TAG: "Content", "data": value.encoded(), "page": value.page}
    if isinstance(value, (Page, Field, Check, Answer, DocumentError)):
        plain = {item.name: getattr(value, item.name) for item in fields(value)}
        plain.pop("content", None)
        return {TAG: type(value).__name__, **plain}
    return value if chain is None else chain(value)


@srsly.msgpack_decoders("pageloom.document")  # type: ignore[untyped-decorator]
def decode(value: Any, chain: Callable[[Any], Any] | None = None) -> Any:
    """Turn a tagged dict back into the object it was."""
    if isinstance(value, dict) and TAG in value:
        kind = value.pop(TAG)
        return _DECODERS[kind](value)
    return value if chain is None else chain(value)
