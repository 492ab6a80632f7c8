"""What the check of one file works with."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import xxhash

from vlft.data.checking.findings import finding
from vlft.data.checking.rows import RowChecker
from vlft.data.rows.context import Context

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from vlft.data.checking.findings import Sink
    from vlft.data.checking.first_look import FirstLook
    from vlft.data.checking.tally import Tally
    from vlft.data.media import MediaProbe, Picture
    from vlft.data.outcomes import RowProblem
    from vlft.data.reading.lines import BrokenLineError
    from vlft.data.settings import CheckSettings
    from vlft.probe.data_entries import DataEntry

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

    def extend(self, other: Hashes) -> None:
        """Takes all rows of another in, after these."""
        self._digests.extend(other._digests)

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


def _quiet(_: int) -> None:
    """No progress is shown."""


@dataclass
class Job:
    """A file to be checked.

    Attributes:
        source: What was asked for; a file that exists.
        settings: Of the run.
        sink: Where findings go.
        probe: Memory of pictures that all files share.
        hashes: Of the rows, for duplicates.
        advance: Told of every byte that is done with.
        seen: Takes the pictures in, where leaks are to be found.
        tally: Takes rows in, where tokens are to be told.
        rows: Rows so far.
        numbered: Whether every row was a line of its own.
        kept: Rows that are loaded.
        pictured: Those with pictures or videos.
    """

    source: DataEntry
    settings: CheckSettings
    sink: Sink
    probe: MediaProbe
    hashes: Hashes
    advance: Callable[[int], None] = field(default=_quiet)
    seen: dict[str, Picture] | None = None
    tally: Tally | None = None
    rows: int = 0
    numbered: bool = False
    kept: int = 0
    pictured: int = 0

    def say(
        self,
        problem: RowProblem,
        row: int | None = None,
        line: int | None = None,
        column: int | None = None,
    ) -> None:
        """Reports a problem of the file."""
        self.sink.add(finding(problem, self.source.text, row, line, column))

    def broken(self, error: BrokenLineError) -> None:
        """Reports the place where the load of the file ends."""
        self.rows = max(self.rows, error.row)
        self.say(error.problem, error.row, error.line, error.column)

    def finish(self, checker: RowChecker) -> None:
        """All rows were judged."""
        self.kept, self.pictured = checker.kept, checker.with_media
        checker.finish(self.rows)

    def checker(self, look: FirstLook) -> RowChecker:
        """A judge of the rows, once the columns are known; what they are is reported."""
        context = Context(self.settings, look.columns, look.lost, self.probe)
        context.seen = self.seen
        for problem in look.problems:
            self.say(problem)
        return RowChecker(self.source.text, look, context, self.sink, self.tally)
