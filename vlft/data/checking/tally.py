"""What is kept of all rows: a hash of each, how often values were seen, and how long rows are."""

from __future__ import annotations

from array import array
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import xxhash

from vlft.data.findings import TokenCounts
from vlft.data.rows.columns import SPEAKERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from vlft.data.tokens.render import CountedRow
    from vlft.data.tokens.rows import RowTokens


PERCENTILES: Final = (50, 90, 95, 99)


class Spread:
    """How often each value was seen; percentiles are exact."""

    def __init__(self) -> None:
        self.counts: Counter[int] = Counter()

    def add(self, value: int) -> None:
        """Takes a value in."""
        self.counts[value] += 1

    @property
    def count(self) -> int:
        """How many values there are."""
        return self.counts.total()

    @property
    def total(self) -> int:
        """Their sum."""
        return sum(value * times for value, times in self.counts.items())

    def over(self, limit: int | None) -> int:
        """How many are larger; none without a limit."""
        return sum(n for value, n in self.counts.items() if limit is not None and value > limit)

    def percentile(self, share: int) -> int:
        """The least value that so many percent of all do not exceed."""
        left = -(-self.count * share // 100)
        for value in sorted(self.counts):
            left -= self.counts[value]
            if left <= 0:
                return value
        return 0

    def to_json(self) -> dict[str, Any] | None:
        """Least, greatest, mean, sum and percentiles (nearest rank); None without values."""
        if not self.counts:
            return None
        return {
            "min": min(self.counts),
            **{f"p{share}": self.percentile(share) for share in PERCENTILES},
            "max": max(self.counts),
            "mean": round(self.total / self.count, 2),
            "sum": self.total,
        }


_BATCH = 512


class Tally:
    """Counts rows in batches.

    Args:
        counter: Of the model.
        every: One row in so many is counted.
    """

    def __init__(self, counter: RowTokens, every: int = 1) -> None:
        self._counter = counter
        self._every = every
        self._turn = 0
        self._waiting: list[CountedRow] = []
        self._lengths = Spread()
        self._untold = 0

    def add(self, row: CountedRow | None) -> None:
        """Takes a row in."""
        if row is None:
            self._untold += 1
            return
        self._waiting.append(row)
        if len(self._waiting) >= _BATCH:
            self._count()

    def add_plain(self, messages: Sequence[Any], images: Sequence[int], system: Any = None) -> None:
        """Takes a row of the fast way in, if it is its turn.

        Args:
            messages: Of the row.
            images: Placeholders of its pictures.
            system: What its column of that name says; a text, or else nothing.
        """
        from vlft.data.tokens.render import CountedRow, Turn  # noqa: PLC0415

        self._turn += 1
        if self._turn % self._every:
            return
        turns = [Turn(SPEAKERS.get(m.role, m.role), m.content) for m in messages]
        if isinstance(system, str) and turns[0].role != "system":
            turns.insert(0, Turn("system", system))
        self.add(CountedRow(turns, images))

    def _count(self) -> None:
        for length in self._counter.count_many(self._waiting):
            if length is None:
                self._untold += 1
            else:
                self._lengths.add(length)
        self._waiting.clear()

    def counts(self, max_length: int | None) -> TokenCounts | None:
        """The summary; None if no row could be counted."""
        self._count()
        found = self._lengths
        if not found.counts:
            return None
        return TokenCounts(
            found.percentile(50),
            found.percentile(95),
            max(found.counts),
            found.over(max_length),
            exact=self._every == 1 and not self._untold,
        )


_BUCKETS = 256


class Hashes:
    """The 64-bit xxh3 of every row, in the order of the rows."""

    def __init__(self) -> None:
        self._digests = array("Q")

    def add(self, raw: bytes) -> None:
        """Takes the next row in."""
        self._digests.append(xxhash.xxh3_64_intdigest(raw))

    def add_all(self, rows: Iterable[bytes]) -> None:
        """Takes the next rows in."""
        self._digests.extend(map(xxhash.xxh3_64_intdigest, rows))

    def __len__(self) -> int:
        return len(self._digests)

    def __iter__(self) -> Iterator[int]:
        """All hashes in the order of the rows."""
        return iter(self._digests)

    def repeated(self) -> Iterator[tuple[int, int]]:
        """(row, first row like it) for all rows but the first of each kind; rows from 0."""
        twice: set[int] = set()
        # Equal ones meet in one bucket, which is small enough to be looked through as a set.
        buckets = [array("Q") for _ in range(_BUCKETS)]
        push = [bucket.append for bucket in buckets]
        for digest in self._digests:
            push[digest & 255](digest)
        for bucket in buckets:
            if len(set(bucket)) < len(bucket):
                seen: set[int] = set()
                for digest in bucket:
                    if digest in seen:
                        twice.add(digest)
                    seen.add(digest)
        if not twice:
            return
        first: dict[int, int] = {}
        for row, digest in enumerate(self._digests):
            if digest in twice:
                if digest in first:
                    yield row, first[digest]
                else:
                    first[digest] = row

    def shared(self, other: Hashes) -> set[int]:
        """Hashes that both have."""
        return set(other._digests).intersection(self._digests)
