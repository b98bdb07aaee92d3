"""DocBin: a `.spacy` file, or a folder of them, with the user data of its documents."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab

from pageloom.corpus.formats import Entry, Format, Settings
from pageloom.corpus.problems import BadRecord, Problem
from pageloom.document.extensions import register
from pageloom.document.source import is_uri

__all__ = ["FORMAT", "check", "read"]

SHOWN = 5

register()


def _entries(path: Path, settings: Settings, vocab: Vocab) -> Iterator[Entry | Problem]:
    for file in sorted(path.rglob("*.spacy")) if path.is_dir() else [path]:
        try:
            stored = DocBin(store_user_data=True).from_disk(file)
        except Exception as error:  # zlib, msgpack and numpy raise what they like
            yield Problem(str(file), "", f"is no DocBin ({error}); pageloom convert writes one")
            continue
        if not len(stored):
            yield Problem(str(file), "", "the DocBin has no documents")
        for number, doc in enumerate(stored.get_docs(vocab), start=1):
            name = f" ({doc._.source})" if doc._.source else ""
            yield Entry(file, f"document {number}{name}", partial(_checked, doc, settings))


def _checked(doc: Doc, settings: Settings) -> Doc:
    if messages := _messages(doc, settings):
        raise BadRecord(*messages)
    return doc


def _messages(doc: Doc, settings: Settings) -> list[str]:
    if not len(doc):
        return ["the document is empty: it has no words"]
    wrong = []
    bare = [token.i for token in doc if token._.box is None]
    if len(bare) == len(doc):
        wrong.append(
            "no word has a box; write the DocBin with DocBin(store_user_data=True), from documents "
            "that have boxes"
        )
    elif bare:
        more = f" and {len(bare) - SHOWN} more" if len(bare) > SHOWN else ""
        wrong.append(f"the words {', '.join(map(str, bare[:SHOWN]))}{more} have no box")
    if settings.labels is not None:
        wrong += [
            f"label {entity.label_!r} (words {entity.start} to {entity.end}) is not in the scheme: "
            + ", ".join(settings.labels)
            for entity in doc.ents
            if entity.label_ not in settings.labels
        ]
    if settings.images:
        wrong += list(dict.fromkeys(_missing(doc)))
    return wrong


def _missing(doc: Doc) -> Iterator[str]:
    if not doc._.pages:
        yield "it has no pages; set images = false for models that read no pixels"
    for page in doc._.pages:
        if page.content is not None or is_uri(page.source):
            continue
        if page.source.startswith(("bytes:", "image:")) or not Path(page.source).is_file():
            yield (
                f"its image {page.source} is missing; put it there, write the DocBin with the "
                "images in it (pageloom convert --embed-images), or set images = false for models "
                "that read no pixels"
            )


FORMAT = Format("docbin", _entries)
read, check = FORMAT.read, FORMAT.check
