"""From the labels of words to entities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Entity", "TagScheme"]

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Entity:
    """Words `start` to `end` (exclusive) are a `label`; `score` is 0-1."""

    label: str
    start: int
    end: int
    score: float


class TagScheme:
    """The labels of a token classifier, read as BIO or BIOES tags, or as plain labels.

    Each kind of entity is read by the tags that its own labels carry. `O` and `OTHER` are outside
    of any entity. Neighbouring words are one entity where their label is plain (`total`), or is
    `I-total` and there is no `B-total` to begin with.
    """

    def __init__(self, labels: Sequence[str]) -> None:
        self.labels = tuple(labels)
        split = [_split(label) for label in labels]
        tags = {kind: {p for p, k in split if k == kind} for _, kind in split}
        # Without a label to begin with, an entity's other tags say no more than a plain label.
        self._prefix = tuple(
            prefix if not kind or tags[kind] & {"B", "S"} else "" for prefix, kind in split
        )
        self._kind = tuple(kind for _, kind in split)
        self.kinds = tuple(dict.fromkeys(kind for kind in self._kind if kind))
        self._may_start = np.array([prefix not in ("I", "E") for prefix in self._prefix])
        self._may_end = np.array(
            [
                self._ends(prefix, tags[kind])
                for prefix, kind in zip(self._prefix, self._kind, strict=True)
            ]
        )
        count = range(len(split))
        self._allowed = np.array([[self._follows(a, b) for b in count] for a in count])

    @classmethod
    def bio(cls, kinds: Sequence[str]) -> TagScheme:
        """The scheme that a new classifier gets: `O`, and `B-` and `I-` of each kind."""
        return cls(["O", *(f"{prefix}-{kind}" for kind in kinds for prefix in ("B", "I"))])

    def encode(self, words: int, spans: Sequence[tuple[int, int, str]]) -> npt.NDArray[np.int64]:
        """The labels of words: int64 (words,).

        Args:
            words: how many.
            spans: entities as (first word, one past the last, kind); they do not overlap.

        Raises `ValueError` for a kind that no label has, or where a word is in no entity and no
        label says so.
        """
        number = {(p, k): n for n, (p, k) in enumerate(map(_split, self.labels))}
        outside = number.get(("O", ""), -1)
        found = np.full(words, outside, dtype=np.int64)
        for start, end, kind in spans:
            tags = {prefix for prefix, known in number if known == kind}
            if not tags:
                raise ValueError(f"no label of the model is for {kind!r}: {', '.join(self.kinds)}")
            inner = next(tag for tag in ("I", "", "B", "E", "S") if tag in tags)
            found[start:end] = number[inner, kind]
            if "B" in tags:
                found[start] = number["B", kind]
            if "E" in tags:
                found[end - 1] = number["E", kind]
            if "S" in tags and end - start == 1:
                found[start] = number["S", kind]
        if (found < 0).any():
            raise ValueError(
                f"no label of the model is for words outside of entities: {self.labels}"
            )
        return found

    @staticmethod
    def _ends(prefix: str, tags: set[str]) -> bool:
        # An entity of one word is S where its kind has that tag, else B.
        return not ((prefix == "I" and "E" in tags) or (prefix == "B" and {"E", "S"} <= tags))

    def _follows(self, first: int, second: int) -> bool:
        if self._prefix[second] in ("I", "E"):
            return self._prefix[first] in ("B", "I") and self._kind[first] == self._kind[second]
        return bool(self._may_end[first])

    def entities(self, logits: Floats, threshold: float = 0.0) -> list[Entity]:
        """The entities in one page's words.

        The most probable sequence of labels among those that the scheme allows (Viterbi). An
        entity's score is the mean probability, over its words, of its kind.

        Args:
            logits: float (words, labels); a row of NaN is a word that the model has not seen, and
                ends any entity.
            threshold: entities that score less are dropped.
        """
        found: list[Entity] = []
        seen = ~np.isnan(logits).any(1)
        edges = np.flatnonzero(np.diff(np.concatenate(([False], seen, [False]))))
        for first, last in zip(edges[::2], edges[1::2], strict=True):
            found += self._run(logits[first:last], int(first))
        return [entity for entity in found if entity.score >= threshold]

    def _run(self, logits: Floats, offset: int) -> list[Entity]:
        shifted = logits - logits.max(1, keepdims=True)
        scores = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
        path, probabilities = self._best_path(scores), np.exp(scores)
        spans: list[tuple[str, int, int]] = []
        for word, label in enumerate(path):
            prefix, kind = self._prefix[label], self._kind[label]
            if not kind:
                continue
            continues = bool(spans) and spans[-1][2] == word and spans[-1][0] == kind
            if prefix in ("I", "E", "") and continues:
                spans[-1] = (kind, spans[-1][1], word + 1)
            else:
                spans.append((kind, word, word + 1))
        return [
            Entity(kind, offset + start, offset + end, self._score(probabilities, kind, start, end))
            for kind, start, end in spans
        ]

    def _score(self, probabilities: Floats, kind: str, start: int, end: int) -> float:
        columns = [index for index, name in enumerate(self._kind) if name == kind]
        return float(min(1.0, probabilities[start:end, columns].sum(1).mean()))

    def _best_path(self, scores: Floats) -> list[int]:
        blocked = np.where(self._allowed, 0.0, -np.inf)
        total = np.where(self._may_start, scores[0], -np.inf)
        back = np.zeros(scores.shape, dtype=np.int32)
        for word in range(1, len(scores)):
            paths = total[:, None] + blocked
            back[word] = paths.argmax(0)
            total = paths.max(0) + scores[word]
        label = int(np.where(self._may_end, total, -np.inf).argmax())
        path = [label]
        for word in range(len(scores) - 1, 0, -1):
            label = int(back[word, label])
            path.append(label)
        return path[::-1]


def _split(label: str) -> tuple[str, str]:
    """`B-total` -> (B, total); `O` -> (O, ""); `total` -> ("", total). L and U are E and S."""
    prefix, dash, kind = label.partition("-")
    if dash and kind and prefix in ("B", "I", "E", "S", "L", "U"):
        return {"L": "E", "U": "S"}.get(prefix, prefix), kind
    return ("O", "") if label.upper() in ("O", "OTHER") else ("", label)
