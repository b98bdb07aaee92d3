"""Layout that spaCy's own corpus reader loses, from where it still is: the gold document.

`spacy.Corpus.v1`, and with it `spacy evaluate`, makes the document to predict from the words or
the text of the gold one, and leaves out its boxes, pages and pictures.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator

from spacy.tokens import Doc
from spacy.training import Example

from pageloom.corpus.examples import unannotated

__all__ = ["with_layout", "with_layout_tagged"]

logger = logging.getLogger(__name__)


def _has_layout(doc: Doc) -> bool:
    return bool(doc._.pages) or any(token._.box is not None for token in doc)


def _has_lost_it(example: Example) -> bool:
    given, gold = example.predicted, example.reference
    if _has_layout(given) or not _has_layout(gold):
        return False
    # A document of its own, read from a file, has none because nothing could be read of it. A
    # `DocumentReader` that is given the gold text takes that for a path.
    return bool(given.text == gold.text or given._.source == gold.text)


def with_layout(example: Example) -> Example:
    """The example itself; or, where `predicted` lost its layout, one with the reference's."""
    if not _has_lost_it(example):
        return example
    return Example(unannotated(example.reference), example.reference)


def with_layout_tagged(
    name: str, pipe: Callable[[Iterable[Doc]], Iterator[Doc]], examples: Iterable[Example]
) -> list[Example]:
    """The examples, of which those that lost their layout are annotated anew with it.

    Says so in a warning, and also where neither document has a layout: what such scores tell is
    not what the model is worth.

    Args:
        name: of the component, for the warning.
        pipe: the component's own.
        examples: with its annotation in `predicted`.
    """
    found = list(examples)
    lost = [number for number, example in enumerate(found) if _has_lost_it(example)]
    if lost:
        logger.warning(
            "%s: %d of %d documents came without boxes and pages, which spaCy's own corpus reader "
            "drops; scored with those of the gold documents",
            name,
            len(lost),
            len(found),
        )
        docs = pipe(unannotated(found[number].reference) for number in lost)
        for number, doc in zip(lost, docs, strict=True):
            found[number] = Example(doc, found[number].reference)
    bare = sum(
        1 for example in found if len(example.predicted) and not _has_layout(example.predicted)
    )
    if bare:
        logger.warning(
            "%s: %d of %d documents have no boxes; it is scored on them without layout. Write a "
            "DocBin with store_user_data=True, from documents that have boxes",
            name,
            bare,
            len(found),
        )
    return found
