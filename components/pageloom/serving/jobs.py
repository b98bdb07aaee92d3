"""Jobs: their names, and their documents as they come in and go out."""

from __future__ import annotations

import hashlib
import json
import re
import zlib
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pageloom.document.content import CONTENTS
from pageloom.document.embed import embed_images
from pageloom.errors import PageloomError

if TYPE_CHECKING:
    from spacy.tokens import Doc
    from spacy.vocab import Vocab

    from pageloom.document import DocumentReader

__all__ = [
    "Job",
    "Kind",
    "Result",
    "answer",
    "docbin",
    "job_key",
    "named",
    "open_job",
    "read_docbin",
]

Kind = Literal["document", "embedded", "docbin"]
_SUFFIX = re.compile(r"\.[a-z0-9]{1,8}")
_TOLD = 20  # errors in a summary
_EXPANDED = 20  # times the size of a request that a DocBin may unpack to


@dataclass(frozen=True)
class Job:
    """One document to work on.

    Args:
        key: the job's name, `job_key` of the rest.
        selection: the id of what is to be done.
        kind: "document": the bytes of a file; "embedded": the same, and the result carries what
            its pages are drawn from, as `embed_images` does; "docbin": a `DocBin` of one `Doc`.
        suffix: of the file's name, as ".pdf"; empty where it has none.
        sha256: of the bytes.
        received: seconds since the epoch.
    """

    key: str
    selection: str
    kind: Kind
    suffix: str
    sha256: str
    received: float

    def to_json(self) -> bytes:
        """As the server writes it down."""
        return json.dumps(asdict(self)).encode()


@dataclass(frozen=True)
class Result:
    """What a job came to.

    Args:
        kind: "docbin": a `DocBin` of one `Doc`, with its errors; "failure": a component failed on
            the document, JSON as a `DocumentError`; "broken": the server lacks something and no
            document is to blame, JSON `{"detail": ...}`.
        data: the body of the answer.
        pages: that were worked on.
        summary: where it was asked for: `pages`, `words`, `fields`, and the first `errors`.
    """

    kind: Literal["docbin", "failure", "broken"]
    data: bytes
    pages: int = 0
    summary: dict[str, Any] | None = None


def job_key(selection: str, kind: str, suffix: str, sha256: str) -> str:
    """The name of a job: the same for the same work on the same bytes.

    Raises:
        PageloomError: The suffix is none.
    """
    if suffix and not _SUFFIX.fullmatch(suffix):
        raise PageloomError(f"suffix={suffix!r}: give a file name's ending in lower case, as .pdf")
    return hashlib.sha256(f"{selection} {kind} {suffix} {sha256}".encode()).hexdigest()


def docbin(doc: Doc) -> bytes:
    """A `DocBin` of one document, with user data."""
    from spacy.tokens import DocBin

    return DocBin(docs=[doc], store_user_data=True).to_bytes()


def read_docbin(data: bytes, vocab: Vocab) -> Doc:
    """The document of a `DocBin` from outside.

    Raises:
        PageloomError: It is no `DocBin` of one document, or unpacks to far more than it is.
    """
    from spacy.tokens import DocBin

    most = max(1 << 20, len(data) * _EXPANDED)
    try:
        unpacking = zlib.decompressobj()
        unpacking.decompress(data, most)
        small = not unpacking.unconsumed_tail
        docs = list(DocBin().from_bytes(data).get_docs(vocab)) if small else []
    except Exception as error:  # zlib's, msgpack's or a KeyError, by how the bytes are broken
        raise PageloomError(f"not a DocBin that spaCy can read ({error})") from error
    if not small:
        raise PageloomError(f"the DocBin unpacks to more than {most} bytes")
    if len(docs) != 1:
        raise PageloomError(f"a job is one document, and the DocBin holds {len(docs)}")
    return docs[0]


def open_job(job: Job, path: Path, reader: DocumentReader) -> tuple[Doc, dict[int, str]]:
    """The document of a job as a component takes it, and its pages' sources as they came.

    Raises:
        PageloomError: The bytes are no `DocBin`. A file that cannot be opened is a `Doc` with the
            error, as everywhere.
    """
    if job.kind == "docbin":
        doc = read_docbin(path.read_bytes(), reader.vocab)
    else:
        doc = reader(str(path) if job.suffix else path.read_bytes())
        if job.kind == "embedded" and doc._.pages:
            embed_images(doc)
    sources = {page.number: page.source for page in doc._.pages}
    if job.kind == "docbin":
        # A page names a file or an address; this machine's are none of a client's business.
        doc._.pages = [
            page if page.content else replace(page, source=str(_not_here(path, page.source)))
            for page in doc._.pages
        ]
    return doc, sources


def answer(job: Job, path: Path, doc: Doc, sources: dict[int, str]) -> Doc:
    """The document as it goes out: without this machine's paths, and mostly without its content.

    Where this machine's path stood, a document from a file has the job's file name, for the client
    to put its own name there. `sources` are the pages' sources as they came, by page number.
    """
    names = {str(path): path.name}
    if job.kind == "docbin":
        names = {str(_not_here(path, source)): source for source in sources.values()}
        doc._.pages = [replace(page, source=sources[page.number]) for page in doc._.pages]
    if job.kind != "embedded":  # the client has the content
        doc._.pages = [replace(page, content=None) for page in doc._.pages]
        doc.user_data.pop(CONTENTS, None)
    return rename(doc, names)


def rename(doc: Doc, names: dict[str, str]) -> Doc:
    """Put other names where files are named: as sources, and in messages of errors."""
    doc._.source = names.get(doc._.source, doc._.source)
    doc._.pages = [
        replace(page, source=names.get(page.source, page.source)) for page in doc._.pages
    ]
    if doc._.errors:
        doc._.errors = [
            replace(error, message=renamed(error.message, names)) for error in doc._.errors
        ]
    return doc


def named(result: Result, source: str, names: dict[str, str], vocab: Vocab) -> Result:
    """A result under a client's own names, with its summary.

    A document of which nothing remains is a "failure" then, by its first error.
    """
    if result.kind == "failure":
        record = json.loads(result.data)
        record["message"] = renamed(record["message"], names)
        return replace(result, data=json.dumps(record).encode())
    if result.kind == "broken":
        return result
    doc = rename(read_docbin(result.data, vocab), names)
    doc._.source = source
    errors = [asdict(error) for error in doc._.errors]
    if doc._.status == "failed":
        return Result("failure", json.dumps(errors[0]).encode())
    summary = {
        "pages": len(doc._.pages),
        "words": len(doc),
        "fields": sum(map(len, doc._.fields.values())),
        "errors": [
            {"page": error["page"], "message": error["message"][:500]} for error in errors[:_TOLD]
        ],
    }
    return Result("docbin", docbin(doc), len(doc._.pages), summary)


def renamed(text: str, names: dict[str, str]) -> str:
    """`text` with each of `names` replaced by what it stands for."""
    for name, other in names.items():
        text = text.replace(name, other)
    return text


def _not_here(path: Path, source: str) -> Path:
    return path.with_suffix(".absent") / hashlib.sha256(source.encode()).hexdigest()
