"""Batches by tokens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

__all__ = ["batches_by_tokens"]


def batches_by_tokens(lengths: Sequence[int], most: int) -> Iterator[list[int]]:
    """Split items of the given lengths into batches of at most `most` tokens, padding included.

    Items are taken longest first, so that those of a batch are of nearly equal length and a batch
    that does not fit into memory fails early. An item longer than `most` is a batch of its own.
    Yields the items' numbers; each comes once.
    """
    batch: list[int] = []
    longest = 0
    for number in sorted(range(len(lengths)), key=lambda item: -lengths[item]):
        if batch and longest * (len(batch) + 1) > most:
            yield batch
            batch = []
        if not batch:
            longest = lengths[number]
        batch.append(number)
    if batch:
        yield batch
