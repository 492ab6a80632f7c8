"""What the check of one file works with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vlft.data.checking.findings import finding
from vlft.data.checking.rows import RowChecker
from vlft.data.rows.context import Context

if TYPE_CHECKING:
    from collections.abc import Callable

    from vlft.data.checking.first_look import FirstLook
    from vlft.data.checking.hashes import Hashes
    from vlft.data.checking.sink import Sink
    from vlft.data.checking.tally import Tally
    from vlft.data.media import MediaProbe, Picture
    from vlft.data.outcomes import RowProblem
    from vlft.data.reading.lines import BrokenLineError
    from vlft.data.settings import CheckSettings
    from vlft.probe.data_entries import DataEntry


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
