"""A subword tokenizer and its files, whatever is encoded with it."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self, cast

from tokenizers import AddedToken, Encoding, Tokenizer

from pageloom.processing import vocabulary
from pageloom.processing.encoding import EncodeOptions, Layout
from pageloom.processing.files import locate
from pageloom.processing.settings import TokenizerSettings

__all__ = ["SubwordTokenizer", "encodable"]

CLEAN_UP = (" .", " ?", " !", " ,", " n't", " 'm", " 's", " 've", " 're")


class SubwordTokenizer:
    """Subwords and their ids. Safe to call from several threads.

    Ids of special tokens come from the vocabulary. Subclasses give `kind`, the vocabulary, and what
    is encoded: words with boxes (`BoxTokenizer`) or running text.
    """

    kind: ClassVar[vocabulary.Kind]

    settings: TokenizerSettings

    def _set_up(
        self, content: Any, settings: TokenizerSettings, added: Sequence[AddedToken]
    ) -> None:
        self.settings = settings
        self._restore(self.kind.build(content, settings, added))

    def _restore(self, backend: Tokenizer) -> None:
        self._backend = backend
        # Truncation and padding are state of the backend, so calls take turns.
        self._turn = threading.Lock()
        self._fingerprint: str | None = None
        settings = self.settings
        self.unk_token_id = self._id(settings.unk_token)
        self.cls_token_id = self._id(settings.cls_token)
        self.sep_token_id = self._id(settings.sep_token)
        self.pad_token_id = self._id(settings.pad_token)
        self.mask_token_id = self._id(settings.mask_token)

    @classmethod
    def from_pretrained(
        cls, path_or_id: str | Path, revision: str | None = None, **overrides: Any
    ) -> Self:
        """Load from a folder, a packaged name or a hub id.

        Reads `tokenizer.json`, or the vocabulary's own files, with `tokenizer_config.json`;
        `overrides` replace its settings. Raises `CheckpointError`.
        """
        folder = locate(path_or_id, revision, cls.kind.all_files)
        tokenizer = cls.__new__(cls)
        tokenizer._set_up(*vocabulary.read(cls.kind, folder, overrides))
        return tokenizer

    def save_pretrained(self, folder: str | Path) -> None:
        """Write `tokenizer.json` and `tokenizer_config.json`, which `transformers` loads too."""
        vocabulary.write(Path(folder), self._backend, self.settings)

    def decode(
        self,
        token_ids: Any,
        skip_special_tokens: bool = False,
        clean_up_tokenization_spaces: bool | None = None,
    ) -> Any:
        """The text of a sequence of ids; of a batch of sequences, a list of texts."""
        ids = token_ids.tolist() if hasattr(token_ids, "tolist") else token_ids
        if isinstance(ids, int):
            ids = [ids]
        if len(ids) and not isinstance(ids[0], int):
            return [
                self.decode(row, skip_special_tokens, clean_up_tokenization_spaces) for row in ids
            ]
        text: str = self._backend.decode(list(ids), skip_special_tokens=skip_special_tokens)
        clean = clean_up_tokenization_spaces
        if self.settings.clean_up_tokenization_spaces if clean is None else clean:
            for spaced in CLEAN_UP[:4]:
                text = text.replace(spaced, spaced[1:])
            text = text.replace(" ' ", "'")
            for spaced in CLEAN_UP[4:]:
                text = text.replace(spaced, spaced[1:])
        return text

    def batch_decode(
        self,
        sequences: Any,
        skip_special_tokens: bool = False,
        clean_up_tokenization_spaces: bool | None = None,
    ) -> list[str]:
        """The texts of a batch of id sequences."""
        texts = self.decode(sequences, skip_special_tokens, clean_up_tokenization_spaces)
        return [texts] if isinstance(texts, str) else texts

    def tokenize(self, text: str, pair: str | None = None) -> list[str]:
        """The subwords of running text, as text."""
        source = text if pair is None else (text, pair)

        with self._turn:
            self._arrange(Layout(None, None, None), EncodeOptions())
            return list(self._backend.encode_batch([source], add_special_tokens=False)[0].tokens)

    def convert_tokens_to_ids(self, tokens: str | Iterable[str]) -> Any:
        """The id of a subword, or of each of several; unknown ones give `unk_token_id`."""
        if isinstance(tokens, str):
            index = self._backend.token_to_id(tokens)
            return self.unk_token_id if index is None else index
        return [self.convert_tokens_to_ids(token) for token in tokens]

    def convert_ids_to_tokens(self, ids: int | Iterable[int]) -> Any:
        """The subword of an id, or of each of several; None where there is no such id."""
        if isinstance(ids, int):
            return self._backend.id_to_token(ids)
        return [self._backend.id_to_token(int(index)) for index in ids]

    def get_vocab(self) -> dict[str, int]:
        """Every subword with its id, added tokens included."""
        return dict(self._backend.get_vocab(with_added_tokens=True))

    @property
    def vocab_size(self) -> int:
        """The number of subwords in the vocabulary, without tokens added to it (see `len`)."""
        return int(self._backend.get_vocab_size(with_added_tokens=False))

    def __len__(self) -> int:
        return int(self._backend.get_vocab_size(with_added_tokens=True))

    def __bool__(self) -> bool:
        return True

    @property
    def model_max_length(self) -> int:
        """The longest sequence that the model takes, special tokens included."""
        return self.settings.model_max_length

    @property
    def fingerprint(self) -> str:
        """A hex string, equal for tokenizers that give equal ids and boxes.

        Encoded windows are stored under it, so it depends on the vocabulary, the added tokens and
        the settings that change ids or boxes, and not on versions of libraries.
        """
        if self._fingerprint is None:
            added = self._backend.get_added_tokens_decoder()
            content = {
                **self.kind.identity(self._backend),
                "added": [
                    [index, t.content, t.single_word, t.lstrip, t.rstrip, t.normalized, t.special]
                    for index, t in sorted(added.items())
                ],
                **self.settings.identity(),
            }
            self._fingerprint = hashlib.sha256(json.dumps(content).encode()).hexdigest()
        return self._fingerprint

    def __getstate__(self) -> dict[str, Any]:
        return {"settings": self.settings, "backend": self._backend}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.settings = state["settings"]
        self._restore(state["backend"])

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(vocab_size={self.vocab_size}, "
            f"model_max_length={self.model_max_length})"
        )

    def _id(self, token: str) -> int:
        # `build` adds every special token that the vocabulary lacks, so there always is an id.
        return cast(int, self._backend.token_to_id(token))

    def _encode_batch(
        self,
        rows: Callable[[Callable[[str], str]], list[Any]],
        options: EncodeOptions,
        split: bool = True,
    ) -> list[Encoding]:
        """Encode a batch, which `rows(clean)` gives, each string gone through `clean`.

        With `split` an example is a list of words, else a string. Raises `ValueError`
        where truncation cannot do what `options` ask for.
        """
        layout = options.layout(self.model_max_length)

        def encode(batch: list[Any]) -> list[Encoding]:
            special = options.add_special_tokens
            return self._backend.encode_batch(
                batch, is_pretokenized=split, add_special_tokens=special
            )

        try:
            with self._turn:
                self._arrange(layout, options)
                try:
                    return encode(rows(str))
                except (TypeError, UnicodeEncodeError):
                    return encode(rows(encodable))
        except BaseException as error:
            # The library raises a bare Exception, or panics, which is no Exception at all.
            panics = type(error).__name__ == "PanicException"
            if not layout.truncation or not (panics or type(error) is Exception):
                raise
            raise ValueError(
                f"truncation={layout.truncation!r} cannot cut an example to "
                f"max_length={layout.max_length} with stride={options.stride}: {error}. Raise "
                "max_length, lower stride, or choose truncation='longest_first'"
            ) from None

    def _arrange(self, layout: Layout, options: EncodeOptions) -> None:
        backend = self._backend
        if layout.truncation is None or layout.max_length is None:
            backend.no_truncation()
        else:
            backend.enable_truncation(
                max_length=layout.max_length,
                stride=options.stride,
                strategy=layout.truncation,
                direction=self.settings.truncation_side,
            )
        if layout.padding is None:
            backend.no_padding()
        else:
            backend.enable_padding(
                length=layout.max_length if layout.padding == "max_length" else None,
                direction=options.padding_side or self.settings.padding_side,
                pad_id=self.pad_token_id,
                pad_token=self.settings.pad_token,
                pad_type_id=0,
                pad_to_multiple_of=options.pad_to_multiple_of,
            )


def encodable(word: str) -> str:
    """`word` with U+FFFD for lone surrogates, which no tokenizer can encode."""
    if not isinstance(word, str):
        raise ValueError(f"{word!r} is not a string: give words as strings")
    return word.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
