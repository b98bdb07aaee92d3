"""What the entry points of spaCy's registry `readers` name: thin functions.

A format's module is imported when a corpus is read. Annotations are real types here, because
spaCy's config reads them.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.training import Example

__all__ = ["cord", "docbin", "funsd", "jsonl", "label_studio", "sroie", "xfund"]

Reader = Callable[["Language"], Iterator["Example"]]


def _reader(name: str, path: str | Path | None, limit: int, keep: bool, **settings: Any) -> Reader:
    from functools import partial

    from pageloom.corpus.examples import Corpus
    from pageloom.corpus.formats import Settings, find_format

    if path is None:
        raise ValueError(
            f"the {name} corpus has no path; give it in the config, or as --paths.train and "
            "--paths.dev"
        )
    if settings.get("labels") is not None:
        settings["labels"] = tuple(settings["labels"])
    if settings.get("image_folder") is not None:
        settings["image_folder"] = Path(settings["image_folder"])
    return Corpus(partial(find_format, name), path, Settings(**settings), limit=limit, keep=keep)


def funsd(
    path: str | Path | None,
    labels: list[str] | None = None,
    images: bool = True,
    boxes: str = "word",
    limit: int = 0,
    keep: bool = True,
) -> Reader:
    """`pageloom.Funsd.v1`: a folder with annotations/ and images/."""
    return _reader("funsd", path, limit, keep, labels=labels, images=images, boxes=boxes)


def xfund(
    path: str | Path | None,
    labels: list[str] | None = None,
    images: bool = True,
    boxes: str = "word",
    image_folder: str | None = None,
    limit: int = 0,
    keep: bool = True,
) -> Reader:
    """`pageloom.Xfund.v1`: a file such as de.train.json, or a folder of them."""
    return _reader(
        "xfund",
        path,
        limit,
        keep,
        labels=labels,
        images=images,
        boxes=boxes,
        image_folder=image_folder,
    )


def cord(
    path: str | Path | None,
    labels: list[str] | None = None,
    images: bool = True,
    boxes: str = "word",
    limit: int = 0,
    keep: bool = True,
) -> Reader:
    """`pageloom.Cord.v1`: a folder with json/ and image/."""
    return _reader("cord", path, limit, keep, labels=labels, images=images, boxes=boxes)


def sroie(
    path: str | Path | None,
    labels: list[str] | None = None,
    images: bool = True,
    boxes: str = "word",
    order: str = "given",
    limit: int = 0,
    keep: bool = True,
) -> Reader:
    """`pageloom.Sroie.v1`: receipts.jsonl and img/, or the challenge's img/, box/ and key/."""
    return _reader(
        "sroie", path, limit, keep, labels=labels, images=images, boxes=boxes, order=order
    )


def jsonl(
    path: str | Path | None,
    labels: list[str] | None = None,
    images: bool = True,
    boxes: str = "word",
    limit: int = 0,
    keep: bool = True,
) -> Reader:
    """`pageloom.Jsonl.v1`: pageloom's JSON lines, a file or a folder of them."""
    return _reader("jsonl", path, limit, keep, labels=labels, images=images, boxes=boxes)


def label_studio(
    path: str | Path | None,
    labels: list[str] | None = None,
    images: bool = True,
    boxes: str = "word",
    image_folder: str | None = None,
    outside: list[str] = ["Text", "Handwriting"],  # noqa: B006  # spaCy's config wants a list
    limit: int = 0,
    keep: bool = True,
) -> Reader:
    """`pageloom.LabelStudio.v1`: the JSON export of the OCR template."""
    return _reader(
        "label-studio",
        path,
        limit,
        keep,
        labels=labels,
        images=images,
        boxes=boxes,
        image_folder=image_folder,
        outside=tuple(outside),
    )


def docbin(
    path: str | Path | None,
    labels: list[str] | None = None,
    images: bool = True,
    limit: int = 0,
    keep: bool = True,
) -> Reader:
    """`pageloom.DocBin.v1`: a .spacy file, or a folder of them."""
    return _reader("docbin", path, limit, keep, labels=labels, images=images)
