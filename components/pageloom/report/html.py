"""The report: one HTML file, nothing to load besides, of documents with their pages and fields."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from spacy.tokens import Doc

from pageloom.report.bundle import page as page_of
from pageloom.report.pictures import pictures, size_for
from pageloom.viewer.documents import Entry, distinct
from pageloom.viewer.view import plain

if TYPE_CHECKING:
    from pageloom.document.types import Page

__all__ = ["render"]

# A reader of the report looks at fields, not at page 812: pages without fields give way first.
PAGES_SHOWN = 12
LEFT_OUT = f"A report has pictures of {PAGES_SHOWN} pages of a document at most."


def render(
    docs: Doc | Iterable[Doc],
    path: str | Path | None = None,
    *,
    style: Literal["html"] = "html",
    title: str = "pageloom report",
) -> str:
    """An HTML page of documents: the viewer, with its documents and their pictures inside.

    The page stands alone: no other file and no network is needed to look at it. It lists the
    documents, and shows each of them as `pageloom view` does. A page whose source is gone is shown
    as an empty sheet with the reason.

    Args:
        docs: documents that a pipeline has read, with or without fields; one, or several.
        path: where to write the page, too. It appears there complete or not at all.
        style: "html", the only one there is.
        title: its heading.

    Returns:
        The page's HTML. A picture takes 25 to 90 kB, the less the more pages there are; of one
        document at most 12 pages have pictures, first those with fields.

    Raises:
        ValueError: there is no such style.
        OSError: the file cannot be written.
    """
    if style != "html":
        raise ValueError(f'style {style!r} is not known; the only style is "html"')
    entries = list(distinct([docs] if isinstance(docs, Doc) else docs))
    html = _html(entries, plain(title))
    if path is not None:
        _write(Path(path), html)
    return html


def _html(entries: list[Entry], title: str) -> str:
    chosen = [_chosen_pages(entry) for entry in entries]
    made = pictures((page for pages in chosen for page in pages), size_for(sum(map(len, chosen))))
    addresses: dict[str, str] = {}
    reasons: dict[str, str] = {}
    for entry, pages in zip(entries, chosen, strict=True):
        identity = entry.view["id"]
        reasons |= dict.fromkeys((f"{identity}/{number}" for number in entry.pages), LEFT_OUT)
        for page in pages:
            picture = next(made)
            reasons[f"{identity}/{page.number}"] = plain(picture.reason)
            if picture.uri:
                addresses[f"{identity}-{page.number}"] = picture.uri
    data = {"title": title, "documents": [entry.view for entry in entries], "reasons": reasons}
    return page_of(title, data, addresses)


def _chosen_pages(entry: Entry) -> list[Page]:
    """The pages with pictures: those with a best field, then with any, then from the first on."""
    best = {field["page"] for field in entry.view["fields"] if field["rank"] == 0}
    other = {field["page"] for field in entry.view["fields"]}

    def rank(page: Page) -> int:
        return 0 if page.number in best else 1 if page.number in other else 2

    ranked = sorted(entry.pages.values(), key=rank)[:PAGES_SHOWN]
    return sorted(ranked, key=lambda page: page.number)


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
