"""Documents as bytes: `DocBin` files of one document, merged into shards and read again."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from typing import TYPE_CHECKING

from pageloom_provider.spec import Shard
from pageloom_provider.storage import location

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath
    from spacy.tokens import Doc
    from spacy.vocab import Vocab

__all__ = ["collected", "docbin", "merged", "read_docs", "read_one"]


def read_docs(path: ObjectStoragePath, vocab: Vocab) -> Iterator[Doc]:
    """The documents of a shard, in order.

    Raises:
        FileNotFoundError: There is no shard.
        ValueError: The file is no DocBin.
    """
    from spacy.tokens import DocBin

    import pageloom  # noqa: F401  (registers the extensions)

    data = path.read_bytes()
    try:
        shard = DocBin(store_user_data=True).from_bytes(data)
    except Exception as error:  # zlib's, msgpack's or a KeyError, by how the file is broken
        raise ValueError(f"{path}: not a shard that spaCy's DocBin can read ({error})") from error
    yield from shard.get_docs(vocab)


def docbin(doc: Doc) -> bytes:
    """A `DocBin` of one document, with user data."""
    from spacy.tokens import DocBin

    return DocBin(docs=[doc], store_user_data=True).to_bytes()


def read_one(data: bytes, vocab: Vocab) -> Doc:
    """The document of a `DocBin` of one."""
    from spacy.tokens import DocBin

    import pageloom  # noqa: F401  (registers the extensions)

    [doc] = DocBin(store_user_data=True).from_bytes(data).get_docs(vocab)
    return doc


def merged(docbins: Iterable[bytes]) -> bytes:
    """One `DocBin` of the documents of several, in order; of one, as it is and without spaCy."""
    several = list(docbins)
    if len(several) == 1:
        return several[0]
    from spacy.tokens import DocBin

    shard = DocBin(store_user_data=True)
    for one in several:
        shard.merge(DocBin(store_user_data=True).from_bytes(one))
    return shard.to_bytes()


def collected(results: Iterable[Shard], conn_id: str | None, keep: Container[str]) -> bytes:
    """One `DocBin` of the documents of several shards whose content hash is in `keep`."""
    import spacy
    from spacy.tokens import DocBin

    vocab = spacy.blank("xx").vocab
    docbin = DocBin(store_user_data=True)
    for shard in results:
        for doc in read_docs(location(shard.uri, conn_id), vocab):
            if doc._.sha256 in keep:
                docbin.add(doc)
    return docbin.to_bytes()
