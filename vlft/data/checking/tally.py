"""How long rows are: a histogram of exact counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from vlft.data.rows.aliases import SPEAKERS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vlft.data.tokens.render import CountedRow
    from vlft.data.tokens.rows import RowTokens


class TokenCounts(msgspec.Struct):
    """Tokens of rows.

    Attributes:
        p50: Half of the rows have no more.
        p95: 95 % of the rows have no more.
        max: The longest row.
        over_max_length: Rows that do not fit.
        exact: Whether a tokenizer counted all of them; else these are upper bounds.
    """

    p50: int
    p95: int
    max: int
    over_max_length: int
    exact: bool


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
        self.lengths: dict[int, int] = {}
        self.untold = 0

    def add(self, row: CountedRow | None) -> None:
        """Takes a row in."""
        if row is None:
            self.untold += 1
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
                self.untold += 1
            else:
                self.lengths[length] = self.lengths.get(length, 0) + 1
        self._waiting.clear()

    def counts(self, max_length: int | None) -> TokenCounts | None:
        """The summary; None if no row could be counted."""
        self._count()
        total = sum(self.lengths.values())
        if not total:
            return None
        over = sum(
            count
            for length, count in self.lengths.items()
            if max_length is not None and length > max_length
        )
        return TokenCounts(
            self._percentile(0.5, total),
            self._percentile(0.95, total),
            max(self.lengths),
            over,
            exact=self._every == 1 and not self.untold,
        )

    def _percentile(self, share: float, total: int) -> int:
        passed = 0
        for length in sorted(self.lengths):
            passed += self.lengths[length]
            if passed >= share * total:
                return length
        return 0
