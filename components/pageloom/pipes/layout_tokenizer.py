"""The component `layout_tokenizer`."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path

from spacy.tokens import Doc

from pageloom.document import DocumentError
from pageloom.pipes.checkpoint import folder_from_bytes, folder_to_bytes
from pageloom.pipes.words import encode_doc
from pageloom.processing import BoxTokenizer, load_tokenizer
from pageloom.processing.windows import check_window

__all__ = ["LayoutTokenizer"]


class LayoutTokenizer:
    """Cuts each page's words into overlapping windows of subwords with boxes.

    The result lies in `doc._.layout_tokens[tokenizer.fingerprint]` and travels with the `Doc`, so a
    task without a GPU can prepare what a tagger on a GPU consumes. A document that cannot be
    encoded gets an entry in `doc._.errors`.

    Args:
        name: the component's name in the pipeline.
        tokenizer: a folder, packaged name or hub id of a model, whose tokenizer is used. It is
            read at first use: `from_disk` brings the tokenizer along to machines without it.
        revision: on the hub.
        max_length: subwords in a window, special tokens included.
        stride: subwords that neighbouring windows share.

    Raises `ValueError` where no window can be larger than the stride.
    """

    def __init__(
        self,
        name: str = "layout_tokenizer",
        *,
        tokenizer: str = "pageloom/fields-sm",
        revision: str | None = None,
        max_length: int = 512,
        stride: int = 128,
    ) -> None:
        check_window(max_length, stride)
        self.name = name
        self.source = tokenizer
        self.revision = revision
        self.max_length = max_length
        self.stride = stride
        self._tokenizer: BoxTokenizer | None = None

    @property
    def tokenizer(self) -> BoxTokenizer:
        """The tokenizer in use. Raises `CheckpointError`."""
        if self._tokenizer is None:
            self._tokenizer = load_tokenizer(self.source, self.revision)
        return self._tokenizer

    def __call__(self, doc: Doc) -> Doc:
        """Encode one document. Raises `CheckpointError`."""
        tokenizer = self.tokenizer
        try:
            encode_doc(doc, tokenizer, self.max_length, self.stride)
        except Exception as error:
            doc._.errors.append(DocumentError.of(error, self.name, source=doc._.source))
        return doc

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Write the tokenizer's files into the folder `path`."""
        self.tokenizer.save_pretrained(Path(path))

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> LayoutTokenizer:
        """Read what `to_disk` wrote. Raises `CheckpointError`."""
        self._tokenizer = load_tokenizer(Path(path))
        return self

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """All files of `to_disk` as bytes."""
        return folder_to_bytes(self.tokenizer.save_pretrained)

    def from_bytes(self, data: bytes, *, exclude: Iterable[str] = ()) -> LayoutTokenizer:
        """Read what `to_bytes` gave. Raises `CheckpointError`."""
        with tempfile.TemporaryDirectory(prefix="pageloom-") as folder:
            folder_from_bytes(data, Path(folder))
            return self.from_disk(folder)
