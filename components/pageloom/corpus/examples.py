"""From gold documents to the pairs that spaCy trains on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy.vocab import Vocab

from pageloom.corpus.formats import Format, Settings
from pageloom.corpus.problems import CorpusError, Problem
from pageloom.document.content import CONTENTS

__all__ = ["Corpus", "example", "unannotated"]

_KEPT = {("._.", name, None, None) for name in ("pages", "source", "sha256", "layout_tokens")}
_OF_TOKENS = ("box", "page", "confidence")
_SPANS = ("lines", "layout")


def unannotated(doc: Doc) -> Doc:
    """What a pipeline sees of a gold document: words, boxes, pages, lines and the questions."""
    bare = Doc(
        doc.vocab,
        words=[token.text for token in doc],
        spaces=[bool(token.whitespace_) for token in doc],
    )
    data: dict[Any, Any] = doc.user_data
    bare.user_data.update(
        (key, value)
        for key, value in data.items()
        if key in _KEPT
        or key == CONTENTS
        or (isinstance(key, tuple) and key[0] == "._." and key[1] in _OF_TOKENS)
    )
    bare._.pages = list(doc._.pages)  # lists of its own
    bare._.layout_tokens = dict(doc._.layout_tokens)
    for name in _SPANS:
        if name in doc.spans:
            bare.spans[name] = doc.spans[name].copy(doc=bare)
    asked = [answer.question for answer in doc._.answers] or list(doc._.questions)
    bare._.questions = list(dict.fromkeys(asked))
    return bare


def example(doc: Doc) -> Example:
    """A gold document as spaCy's `Example`: `predicted` has nothing of its annotation."""
    return Example(unannotated(doc), doc)


class Corpus:
    """What a reader gives to `spacy train`: called with the pipeline, it yields examples.

    Args:
        format: of the corpus.
        path: file or folder.
        settings: how to read it.
        limit: examples that are given out; 0 for all.
        keep: whether documents stay in memory, about 1 kB a word, for the next call; else each
            call reads the corpus again.
    """

    def __init__(
        self,
        format: Callable[[], Format],
        path: str | Path,
        settings: Settings,
        *,
        limit: int = 0,
        keep: bool = True,
    ) -> None:
        self.path = path
        self.settings = settings
        self.limit = limit
        self.keep = keep
        self._format = format
        self._kept: tuple[Vocab, list[Doc]] | None = None
        self._checked = False

    def __call__(self, nlp: Language) -> Iterator[Example]:
        """Examples of all documents, in order.

        Raises:
            CorpusError: at the first call and before the first example, with everything that is
                wrong with the corpus.
        """
        if self._kept is None or self._kept[0] is not nlp.vocab:
            self._kept = self._read(nlp.vocab)
        docs = iter(self._kept[1]) if self._kept is not None else self._documents(nlp.vocab)
        return map(example, islice(docs, self.limit or None))

    def _read(self, vocab: Vocab) -> tuple[Vocab, list[Doc]] | None:
        if self._checked and not self.keep:
            return None
        docs, problems = [], []
        for item in self._format().documents(self.path, vocab, self.settings):
            if isinstance(item, Problem):
                problems.append(item)
            elif self.keep:
                docs.append(item)
        if problems:
            raise CorpusError(problems)
        self._checked = True
        return (vocab, docs) if self.keep else None

    def _documents(self, vocab: Vocab) -> Iterator[Doc]:
        for item in self._format().documents(self.path, vocab, self.settings):
            if isinstance(item, Problem):  # the corpus has changed since it was checked
                raise CorpusError([item])
            yield item
