"""The component `layout_tokenizer`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from spacy.tokens import Doc

from pageloom.models.hub import resolve
from pageloom.pipes.words import encode_doc
from pageloom.processing import LayoutLMv2Tokenizer

__all__ = ["LayoutTokenizer"]


class LayoutTokenizer:
    """Cuts each page's words into overlapping windows of subwords with boxes.

    The result lies in `doc._.layout_tokens[tokenizer.fingerprint]` and travels with the `Doc`, so a
    task without a GPU can prepare what a tagger on a GPU consumes.

    Args:
        name: the component's name in the pipeline.
        tokenizer: a folder, packaged name or hub id of a model, whose tokenizer is used.
        revision: on the hub.
        max_length: subwords in a window, special tokens included.
        stride: subwords that neighbouring windows share.
    """

    def __init__(
        self,
        name: str,
        *,
        tokenizer: str,
        revision: str | None = None,
        max_length: int = 512,
        stride: int = 128,
    ) -> None:
        self.name = name
        self.max_length = max_length
        self.stride = stride
        self.tokenizer = LayoutLMv2Tokenizer.from_pretrained(
            resolve(tokenizer, revision, files=TOKENIZER_FILES)
        )

    def __call__(self, doc: Doc) -> Doc:
        """Encode one document."""
        encode_doc(doc, self.tokenizer, self.max_length, self.stride)
        return doc

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Write the tokenizer's files into the folder `path`."""
        self.tokenizer.save_pretrained(Path(path))

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> LayoutTokenizer:
        """Read what `to_disk` wrote."""
        self.tokenizer = LayoutLMv2Tokenizer.from_pretrained(Path(path))
        return self


TOKENIZER_FILES = ("tokenizer*.json", "vocab.txt", "special_tokens_map.json")
