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
    from collections.abc import Callable, Iterator

    from vlft.data.checking.findings import Sink
    from vlft.data.checking.first_look import FirstLook
    from vlft.data.checking.tally import Tally
    from vlft.data.media import MediaProbe, Picture
    from vlft.data.outcomes import RowProblem
    from vlft.data.reading.lines import BrokenLineError
    from vlft.data.settings import CheckSettings
    from vlft.probe.data_entries import DataEntry

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
