"""Which rows are the same, byte for byte: 9 bytes of memory a row."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

import xxhash

if TYPE_CHECKING:
    from collections.abc import Iterator

BUCKETS = 256


class Hashes:
    """The 64-bit xxh3 of every row, in the order of the rows.

    They lie in buckets by their last byte, and the order of buckets beside them: equal rows
    meet in one bucket, and a bucket is small enough to be looked through as a set.
    """

    def __init__(self) -> None:
        self.buckets = [array("Q") for _ in range(BUCKETS)]
        self.order = bytearray()

    def add(self, raw: bytes) -> None:
        """Takes the next row in."""
        digest = xxhash.xxh3_64_intdigest(raw)
        self.buckets[digest & 255].append(digest)
        self.order.append(digest & 255)

    def skip(self) -> None:
        """Leaves the next row out; it equals none."""
        self.add(b"\0skipped %d" % len(self.order))

    def extend(self, other: Hashes) -> None:
        """Takes all rows of another in, after these."""
        for mine, its in zip(self.buckets, other.buckets, strict=True):
            mine.extend(its)
        self.order += other.order

    def __len__(self) -> int:
        return len(self.order)

    def __iter__(self) -> Iterator[int]:
        """All hashes in the order of the rows."""
        readers = [iter(bucket).__next__ for bucket in self.buckets]
        for bucket in self.order:
            yield readers[bucket]()

    def repeated(self) -> Iterator[tuple[int, int]]:
        """(row, first row like it) for all rows but the first of each kind; rows from 0."""
        twice: set[int] = set()
        for bucket in self.buckets:
            if len(set(bucket)) < len(bucket):
                seen: set[int] = set()
                for digest in bucket:
                    if digest in seen:
                        twice.add(digest)
                    seen.add(digest)
        if not twice:
            return
        first: dict[int, int] = {}
        for row, digest in enumerate(self):
            if digest in twice:
                if digest in first:
                    yield row, first[digest]
                else:
                    first[digest] = row

    def shared(self, other: Hashes) -> set[int]:
        """Hashes that both have."""
        found: set[int] = set()
        for mine, its in zip(self.buckets, other.buckets, strict=True):
            if mine and its:
                found |= set(mine).intersection(its)
        return found
