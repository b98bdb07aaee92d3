"""From a `Doc` to what the rooms below take: words, boxes, pages, pixels."""

from __future__ import annotations

from spacy.tokens import Doc

from pageloom.errors import DocumentOpenError
from pageloom.processing.windows import (
    SPECIAL_TOKENS,
    LayoutTokens,
    WordTokenizer,
    encode_words,
)

__all__ = ["encode_doc"]


def encode_doc(doc: Doc, tokenizer: WordTokenizer, max_length: int, stride: int) -> LayoutTokens:
    """The document's windows: those that a `layout_tokenizer` with this tokenizer has left in
    `doc._.layout_tokens`, or else new ones, which are left there.

    Windows that are longer than `max_length`, or are of other words, are made anew.

    Raises `DocumentOpenError` for a document whose pages nobody has read: no words, and neither
    the lines that `ocr` leaves, be they none, nor an error.
    """
    if not len(doc) and doc._.pages and "lines" not in doc.spans and not doc._.errors:
        raise DocumentOpenError(
            f"{doc._.source or 'a document'}: it has pages and no words; put the component ocr "
            "before this one",
            category="missing",
        )
    kept = doc._.layout_tokens.get(tokenizer.fingerprint)
    if kept is not None:
        tokens = LayoutTokens.from_dict(kept)
        if tokens.words == len(doc) and tokens.longest + SPECIAL_TOKENS <= max_length:
            return tokens
    words, boxes, pages = [], [], []
    page = 1
    for token in doc:
        # A token without a page, such as one that a user added, stays on the page before it.
        page = token._.page or page
        # Blanks have no box of their own and would not be a word to the model.
        words.append("" if token.is_space else token.text)
        boxes.append(token._.box)
        pages.append(page)
    encoded = encode_words(tokenizer, words, boxes, pages, max_length=max_length, stride=stride)
    doc._.layout_tokens[tokenizer.fingerprint] = encoded.to_dict()
    return encoded
