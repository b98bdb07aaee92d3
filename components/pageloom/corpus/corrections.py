"""Reviewed documents as a corpus: what people confirmed and corrected becomes gold annotation.

A reviewed value is an entity of the words that say it. What was read and the person replaced is
none. Words of which the review says nothing are missing in spaCy's sense, so that a training leaves
them out: fields of labels that were not shown, further fields of a label, other places where a
reviewed value stands, and words whose correction is not among the document's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import fsspec
import spacy
from spacy.tokens import Doc, DocBin, Span, SpanGroup
from spacy.util import filter_spans

from pageloom.corpus.annotated import ENTITIES
from pageloom.corpus.convert import PARTS, divide
from pageloom.corpus.examples import unannotated
from pageloom.corpus.problems import CorpusError, Problem
from pageloom.corpus.reviewing import ReviewedField, places, reviews_of
from pageloom.document.extensions import register

__all__ = ["Collected", "collect", "gold", "read"]

register()


@dataclass(frozen=True)
class Collected:
    """What became of reviewed documents.

    Args:
        written: documents by file.
        confirmed: values that were right as they were read.
        corrected: values that were not.
        unplaced: corrected values that no words say, as "source: label 'value'"; nothing is learned
            from them.
        problems: files that hold no reviewed documents.
    """

    written: dict[Path, int]
    confirmed: int
    corrected: int
    unplaced: tuple[str, ...]
    problems: tuple[Problem, ...]


def collect(sources: Sequence[str], target: Path, shares: Sequence[float] = ()) -> Collected:
    """Write the reviewed documents of files and folders as DocBin, to train on.

    Of a document that was reviewed several times, the last review counts.

    Args:
        sources: paths or URIs: DocBin files, or folders of them.
        target: the file to write; with `shares` the name gets -train, -dev and -test.
        shares: of the documents, for two or three files; they add up to 1.

    Raises:
        CorpusError: there is no reviewed document, or a file is no DocBin.
        FileNotFoundError: there is no such file or folder.
        ValueError: the shares do not add up.
    """
    if shares and (len(shares) not in (2, 3) or min(shares) <= 0 or abs(sum(shares) - 1) > 1e-6):
        raise ValueError(
            f"split {','.join(map(str, shares))}: give two or three shares, as 0.8,0.2"
        )
    problems: list[Problem] = []
    latest: dict[str, Doc] = {}
    for item in read(sources):
        if isinstance(item, Problem):
            problems.append(item)
            continue
        key = item._.sha256 or " ".join(token.text for token in item)
        if key not in latest or _last(latest[key]) <= _last(item):
            latest[key] = item
    docs = list(latest.values())
    if not docs or any(not problem.record for problem in problems):
        where = ", ".join(sources)
        raise CorpusError(problems or [Problem(where, "", "holds no reviewed documents")])
    golden = [gold(doc) for doc in docs]
    parts = {target: golden}
    if shares:
        names = [target.with_name(f"{target.stem}-{part}{target.suffix}") for part in PARTS]
        parts = dict(zip(names, divide(golden, shares), strict=False))
    for path, part in parts.items():
        _write(path, part)
    values = [(doc, field) for doc in docs for field in _reviewed(doc).values()]
    return Collected(
        written={path: len(part) for path, part in parts.items()},
        confirmed=sum(not field.corrected for _, field in values),
        corrected=sum(field.corrected for _, field in values),
        unplaced=tuple(
            f"{doc._.source}: {field.label} {field.value!r}"
            for doc, field in values
            if field.value is not None and not field.found
        ),
        problems=tuple(problems),
    )


def read(sources: Iterable[str]) -> Iterator[Doc | Problem]:
    """The reviewed documents of DocBin files and folders of them, and what is wrong with others.

    Raises:
        FileNotFoundError: there is no such file or folder.
    """
    vocab = spacy.blank("xx").vocab
    for source in sources:
        files, root = fsspec.core.url_to_fs(source)
        if not files.exists(root):
            raise FileNotFoundError(f"{source}: there is no such file or folder")
        inside = sorted(files.find(root)) if files.isdir(root) else [root]
        for file in inside:
            if files.isdir(root) and not file.endswith(".spacy"):
                continue
            try:
                stored = DocBin(store_user_data=True).from_bytes(files.cat_file(file))
            except Exception as error:  # zlib, msgpack and numpy raise what they like
                yield Problem(str(file), "", f"is no DocBin ({error})")
                continue
            for number, doc in enumerate(stored.get_docs(vocab), start=1):
                if reviews_of(doc):
                    yield doc
                else:
                    name = f"document {number} ({doc._.source})"
                    yield Problem(str(file), name, "nobody has reviewed it")


def gold(doc: Doc) -> Doc:
    """A reviewed document with its true entities, in `doc.ents` and `doc.spans["entities"]`."""
    reviewed = _reviewed(doc)
    made = unannotated(doc)
    entities: list[Span] = []
    unknown: set[int] = set()
    for label, found in doc._.fields.items():
        for rank, field in enumerate(found):
            if label not in reviewed or rank:
                unknown.update(range(field.start, field.end))
            elif field.end > field.start:
                entities.append(Span(made, field.start, field.end, label=label))
                for start, end in places(doc, field.text):
                    unknown.update(range(start, end))
    for one in reviewed.values():
        if one.value is not None and not one.found:
            unknown.update(range(one.start, one.end))
    entities = filter_spans(entities)
    unknown -= {token for span in entities for token in range(span.start, span.end)}
    made.spans[ENTITIES] = SpanGroup(made, name=ENTITIES, spans=entities)
    made.set_ents(entities, missing=[Span(made, token, token + 1) for token in sorted(unknown)])
    return made


def _reviewed(doc: Doc) -> dict[str, ReviewedField]:
    """What was said of each label; later reviews come last and count."""
    return {field.label: field for review in reviews_of(doc) for field in review.fields}


def _last(doc: Doc) -> str:
    return max(review.at for review in reviews_of(doc))


def _write(path: Path, docs: Iterable[Doc]) -> None:
    stored = DocBin(docs=list(docs), store_user_data=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.part")
    try:
        stored.to_disk(aside)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
