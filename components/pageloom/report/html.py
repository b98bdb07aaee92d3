"""The report: one HTML file, nothing to load besides, of documents with their pages and fields."""

from __future__ import annotations

import base64
import hashlib
import math
import os
import re
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from pageloom.document.types import Box, DocumentError, Field, Page
from pageloom.report.pictures import Picture, pictures, size_for

if TYPE_CHECKING:
    from spacy.tokens import Doc

__all__ = ["render"]

# A reader of the report looks at fields, not at page 812: pages without fields give way first.
PAGES_SHOWN = 12
CANDIDATES_SHOWN = 5

# Of the picture's width.
CAPTION_SIZE = 0.0185

_COLOURS = (
    "#2563eb", "#d9480f", "#0b8457", "#9333ea", "#c2255c", "#0b7285", "#8a6100", "#5c5f66",
)  # fmt: skip
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")


@dataclass(frozen=True)
class ShownField:
    """A row of the fields' table: one text of one label, with every place where it was found.

    `best` marks the first text of its label; `percent` is 0-100; `places` are pages and boxes, the
    likeliest first; `boxed` tells whether a page with its box is shown.
    """

    id: str
    label: str
    text: str
    percent: int
    level: str
    places: Sequence[tuple[int | None, Box | None]]
    colour: str
    best: bool
    boxed: bool

    @property
    def pages(self) -> list[int]:
        """The pages of its places, each once."""
        return sorted({page for page, _ in self.places if page is not None})


@dataclass(frozen=True)
class Mark:
    """A field's box on a picture, in the picture's pixels; `main` for the likeliest of a label.

    `caption` is where its caption begins; None for a second place of a label on the page.
    """

    field: ShownField
    x: float
    y: float
    width: float
    height: float
    main: bool
    caption: tuple[float, float] | None


@dataclass(frozen=True)
class ShownPage:
    """A page's number, its picture and the boxes on it."""

    number: int
    picture: Picture
    marks: Sequence[Mark]


@dataclass(frozen=True)
class ShownDocument:
    """A document's card. `left_out` counts pages not shown, `more` fields not shown; `opened` is
    the page to show first."""

    id: str
    name: str
    source: str
    sha256: str
    status: str
    errors: Sequence[DocumentError]
    page_count: int
    pages: Sequence[ShownPage]
    left_out: int
    opened: int
    fields: Sequence[ShownField]
    more: int


def render(
    docs: Iterable[Doc], path: str | Path | None = None, *, title: str = "pageloom report"
) -> str:
    """An HTML page of documents: each page as a picture with its fields' boxes, and the fields.

    The page stands alone: no other file and no network is needed to look at it. A page whose
    source is gone is shown as an empty sheet with the reason.

    Args:
        docs: documents that a pipeline has read, with or without fields; a single one in a list.
        path: where to write the page, too. It appears there complete or not at all.
        title: its heading.

    Returns:
        The page's HTML. A picture takes 25 to 90 kB, the less the more pages there are; of one
        document at most 12 pages are shown, first those with fields.

    Raises:
        OSError: the file cannot be written.
    """
    documents = _shown(list(docs))
    html = _html(documents, title)
    if path is not None:
        _write(Path(path), html)
    return html


def _shown(docs: Sequence[Doc]) -> list[ShownDocument]:
    colours = _colours(label for doc in docs for label in doc._.fields)
    chosen = [_chosen_pages(doc) for doc in docs]
    size = size_for(sum(map(len, chosen)))
    made = pictures((page for pages in chosen for page in pages), size)
    return [
        _document(number, doc, [(page, next(made)) for page in pages], colours)
        for number, (doc, pages) in enumerate(zip(docs, chosen, strict=True), start=1)
    ]


def _document(
    number: int, doc: Doc, pages: Sequence[tuple[Page, Picture]], colours: dict[str, str]
) -> ShownDocument:
    source = _clean(doc._.source or next((page.source for page in doc._.pages), ""))
    on_show = {page.number for page, _ in pages}
    fields: list[ShownField] = []
    more = 0
    for label, candidates in doc._.fields.items():
        texts = _by_text(candidates)
        more += max(0, len(texts) - CANDIDATES_SHOWN)
        for rank, places in enumerate(texts[:CANDIDATES_SHOWN]):
            row_id = f"d{number}f{len(fields)}"
            fields.append(_field(row_id, label, places, colours[label], rank == 0, on_show))
    words = _words(doc, {page for field in fields for page in field.pages} & on_show)
    shown = [
        ShownPage(page.number, picture, _marks(fields, page.number, picture, words[page.number]))
        for page, picture in pages
    ]
    fullest = max(shown, key=lambda page: sum(mark.main for mark in page.marks), default=None)
    return ShownDocument(
        id=f"d{number}",
        name=re.split(r"[/\\]", source.rstrip("/\\"))[-1] or f"document {number}",
        source=source,
        sha256=_clean(doc._.sha256),
        status=doc._.status,
        errors=[_clean_error(error) for error in doc._.errors],
        page_count=len(doc._.pages),
        pages=shown,
        left_out=len(doc._.pages) - len(pages),
        opened=fullest.number if fullest else 0,
        fields=fields,
        more=more,
    )


def _words(doc: Doc, pages: set[int]) -> defaultdict[int, list[Box]]:
    """The boxes of the words on each of `pages`."""
    words: defaultdict[int, list[Box]] = defaultdict(list)
    for token in doc if pages else ():
        page, box = token._.page, token._.box
        if page in pages and box is not None:
            words[page].append(box)
    return words


def _by_text(candidates: Sequence[Field]) -> list[list[Field]]:
    """The candidates of a label, those with equal text together, in the order of the first."""
    texts: dict[str, list[Field]] = {}
    for field in candidates:
        texts.setdefault(" ".join(field.text.split()).casefold(), []).append(field)
    return list(texts.values())


def _chosen_pages(doc: Doc) -> list[Page]:
    """The pages to show: those with a best field, then with any, then from the first on."""
    if len(doc._.pages) <= PAGES_SHOWN:
        return list(doc._.pages)
    best = {found[0].page for found in doc._.fields.values() if found}
    other = {field.page for found in doc._.fields.values() for field in found[:CANDIDATES_SHOWN]}

    def rank(page: Page) -> int:
        return 0 if page.number in best else 1 if page.number in other else 2

    return sorted(sorted(doc._.pages, key=rank)[:PAGES_SHOWN], key=lambda page: page.number)


def _field(
    row_id: str, label: str, found: Sequence[Field], colour: str, best: bool, on_show: set[int]
) -> ShownField:
    first = found[0]
    score = min(1.0, max(0.0, first.score)) if math.isfinite(first.score) else 0.0
    return ShownField(
        id=row_id,
        label=_clean(label),
        text=_clean(first.text),
        # Rounded down: a field that is not quite sure never shows as 100%.
        percent=int(score * 100),
        level="high" if score >= 0.9 else "middle" if score >= 0.6 else "low",
        places=[(field.page, field.box) for field in found],
        colour=colour,
        best=best,
        boxed=any(field.box is not None and field.page in on_show for field in found),
    )


def _marks(
    fields: Sequence[ShownField], page: int, picture: Picture, words: Sequence[Box]
) -> list[Mark]:
    """The boxes of a page, scaled from 0-1000 to the picture; the likeliest drawn last, on top."""

    def scaled(box: Box) -> _Place:
        x0, y0, x1, y1 = box
        across, down = picture.width / 1000, picture.height / 1000
        return x0 * across, y0 * down, x1 * across, y1 * down

    found = [
        (field, rank, scaled(box))
        for field in fields
        for rank, (number, box) in enumerate(field.places)
        if number == page and box is not None
    ]
    taken = [place for _, _, place in found]
    printed = [scaled(box) for box in words]
    captioned: set[str] = set()
    marks = []
    for field, rank, place in found:
        caption = None
        if field.label not in captioned:
            captioned.add(field.label)
            caption = _caption(place, field.label, picture, taken, printed)
        x0, y0, x1, y1 = (round(value, 1) for value in place)
        width, height = round(x1 - x0, 1), round(y1 - y0, 1)
        marks.append(Mark(field, x0, y0, width, height, field.best and rank == 0, caption))
    return marks[::-1]


_Place = tuple[float, float, float, float]


def _caption(
    box: _Place, label: str, picture: Picture, taken: list[_Place], printed: Sequence[_Place]
) -> tuple[float, float]:
    """Where a box's caption begins (left, base line).

    Above, right of, left of or below the box: the first place that hides neither another mark
    (`taken`, which grows) nor a word (`printed`); failing that, the first that hides no mark.
    """
    size = picture.width * CAPTION_SIZE
    width, gap = 0.62 * size * len(label), 0.5 * size
    x0, y0, x1, y1 = box
    level = (y0 + y1) / 2 + 0.35 * size
    places = []
    starts = [(x0, y0 - gap), (x1 + gap, level), (x0 - gap - width, level), (x0, y1 + size + gap)]
    for x, y in starts:
        place = (x, y - 0.75 * size, x + width, y + 0.1 * size)
        inside = place[0] >= 0 and place[1] >= 0
        inside = inside and place[2] <= picture.width and place[3] <= picture.height
        if inside and not any(_meet(place, other) for other in taken):
            places.append((x, y, place))
    free = [found for found in places if not any(_meet(found[2], word) for word in printed)]
    x, y, place = (free or places or [(x0, max(y0 - gap, size), box)])[0]
    taken.append(place)
    return round(x, 1), round(y, 1)


def _meet(first: _Place, second: _Place) -> bool:
    return (
        first[0] < second[2]
        and second[0] < first[2]
        and first[1] < second[3]
        and second[1] < first[3]
    )


def _colours(labels: Iterable[str]) -> dict[str, str]:
    """A colour for each label, in the order in which labels first appear."""
    colours: dict[str, str] = {}
    for label in labels:
        if label not in colours:
            number = len(colours)
            # Beyond the chosen ones: hues by the golden angle, so that neighbours differ.
            spare = f"hsl({number * 137.5 % 360:.0f} 62% 38%)"
            colours[label] = _COLOURS[number] if number < len(_COLOURS) else spare
    return colours


def _clean(text: str) -> str:
    """`text` without what UTF-8 or HTML cannot hold: lone surrogates, control characters."""
    return _CONTROL.sub("\ufffd", text.encode("utf-8", "replace").decode("utf-8"))


def _clean_error(error: DocumentError) -> DocumentError:
    return DocumentError(
        _clean(error.component), _clean(error.category), error.page, _clean(error.message)
    )


def _html(documents: Sequence[ShownDocument], title: str) -> str:
    environment = Environment(
        loader=PackageLoader("pageloom.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style, script = (_source(environment, name) for name in ("report.css", "report.js"))
    labels: dict[str, str] = {}
    for document in documents:
        for field in document.fields:
            labels.setdefault(field.label, field.colour)
    return environment.get_template("report.html.j2").render(
        title=_clean(title),
        documents=documents,
        labels=labels,
        statuses=Counter(document.status for document in documents),
        pages=sum(document.page_count for document in documents),
        fields=sum(field.best for document in documents for field in document.fields),
        caption_size=CAPTION_SIZE,
        style=Markup(style),
        script=Markup(script),
        # No script but ours runs, whatever a document says.
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )


def _source(environment: Environment, name: str) -> str:
    assert environment.loader is not None
    text, _, _ = environment.loader.get_source(environment, name)
    return text


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, aside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        # mkstemp makes the file private; a report is as readable as any new file.
        umask = os.umask(0)
        os.umask(umask)
        Path(aside).chmod(0o666 & ~umask)
        Path(aside).replace(path)
    except BaseException:
        Path(aside).unlink(missing_ok=True)
        raise
