"""One file's rows, judged one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from vlft.data import rules
from vlft.data.checking.tally import Hashes, Tally
from vlft.data.findings import RowProblem, Sink, worst
from vlft.data.rows.columns import FirstLook, dotted
from vlft.data.rows.judge import judge, reshaped
from vlft.data.rows.length import counted_row
from vlft.data.rows.media import Context
from vlft.text import kind

if TYPE_CHECKING:
    from collections.abc import Callable

    from vlft.data.media.problems import Picture
    from vlft.data.media.resolve import MediaProbe
    from vlft.data.reading.arrow import NullFirst
    from vlft.data.reading.lines import BrokenLineError
    from vlft.data.settings import CheckSettings
    from vlft.probe.data_entries import DataEntry


OF_PATH: Final = "a path that is "
_OBJECT: Final = kind({})
PLAIN_IMAGES: Final = frozenset({_OBJECT, f"{OF_PATH}{kind('')}"})
"""Kinds where all pictures are named by texts, or by objects with them."""


def image_kinds(images: Any) -> set[str]:
    """Kinds of a row's entries, and those of their paths; nulls have none.

    Args:
        images: The column of a row, not empty.
    """
    if isinstance(images, str) or (isinstance(images, list) and isinstance(images[0], str)):
        paths = [images] if isinstance(images, str) else images
        return {_OBJECT, *(f"{OF_PATH}{kind(path)}" for path in paths if path is not None)}
    if not isinstance(images, list | dict):
        return {f"alone, {kind(images)}"}
    entries = images if isinstance(images, list) else [images]
    found: set[str] = set()
    for entry in entries:
        if entry is None:
            continue
        found.add(kind(entry))
        if isinstance(entry, dict) and entry.get("path") is not None:
            found.add(f"{OF_PATH}{kind(entry['path'])}")
    return found


_LOST = frozenset({"dropped", "load_fails"})


def _quiet(_: int) -> None:
    """No progress is shown."""


class Split(msgspec.Struct):
    """All rows of the training or of the validation data.

    Attributes:
        hashes: In order.
        files: In order.
        seen: Pictures by reference; None where no leaks are to be found.
    """

    hashes: Hashes = msgspec.field(default_factory=Hashes)
    files: list[Job] = msgspec.field(default_factory=list)
    seen: dict[str, Picture] | None = None

    def place(self, index: int) -> tuple[Job, int, int | None]:
        """File, row and line of a row by its number, from 0 over all files."""
        file = next(one for one in reversed(self.files) if one.start <= index)
        row = index - file.start + 1
        return file, row, row if file.numbered else None


class Job(msgspec.Struct):
    """A file to be checked.

    Attributes:
        source: What was asked for; a file that exists.
        settings: Of the run.
        sink: Where findings go.
        probe: Memory of pictures that all files share.
        split: What the file is one of.
        advance: Told of every byte that is done with.
        tally: Takes rows in, where tokens are to be told.
        start: Rows of the files of the split before it.
        rows: Rows so far.
        numbered: Whether every row was a line of its own.
        kept: Rows that are loaded.
        pictured: Those with pictures or videos.
    """

    source: DataEntry
    settings: CheckSettings
    sink: Sink
    probe: MediaProbe
    split: Split
    advance: Callable[[int], None] = _quiet
    tally: Tally | None = None
    start: int = 0
    rows: int = 0
    numbered: bool = False
    kept: int = 0
    pictured: int = 0

    def __post_init__(self) -> None:
        self.start = len(self.split.hashes)

    def say(
        self,
        problem: RowProblem,
        row: int | None = None,
        line: int | None = None,
        column: int | None = None,
    ) -> None:
        """Reports a problem of the file, or of a row."""
        self.sink.add(problem, self.source.text, row, line, column)

    def broken(self, error: BrokenLineError) -> None:
        """Reports the place where the load of the file ends."""
        self.rows = max(self.rows, error.row)
        self.say(error.problem, error.row, error.line, error.column)


class RowChecker:
    """Judges the rows of one file and says what it finds; first, what its columns are.

    Args:
        job: Of the file.
        look: What holds for all its rows.
    """

    def __init__(self, job: Job, look: FirstLook) -> None:
        self.job = job
        self.look = look
        self.context = Context(job.settings, look.columns, look.lost, job.probe, job.split.seen)
        self.kept = 0
        self.pictured = 0
        self.odd_images: list[tuple[int | None, int | None, str]] = []
        self.plain_images = False
        self.nulls: NullFirst | None = None
        """Set where pyarrow's JSON reader reads the file."""
        for problem in look.problems:
            job.say(problem)

    def check(
        self, value: dict[str, Any] | None, row: int | None = None, line: int | None = None
    ) -> None:
        """Judges one row.

        Args:
            value: As the file has it.
            row: Its number, if it is known.
            line: Where it begins.
        """
        if self.nulls is not None and self._miscounted(self.nulls, value, row, line):
            self.kept += 1
            return
        conformed = self.look.schema.conform(value or {})
        found, sample = judge(conformed, self.context)
        if not self.look.schema.plain:
            found += reshaped(value or {}, conformed)
        dropped = is_lost = worst(found) in _LOST
        if not dropped:
            self._notice_images(conformed, row, line)
        if not self.job.settings.lazy:
            dropped |= worst(found) == "replaced"
        if not dropped:
            self.kept += 1
        for problem in found:
            self.job.say(problem, row, line)
        if self.job.tally is not None and sample is not None and not is_lost:
            self.job.tally.add(counted_row(sample, self.context))
        if sample is not None:
            self.pictured += bool(not dropped and (sample.images or sample.videos))

    def _miscounted(
        self, nulls: NullFirst, value: dict[str, Any] | None, row: int | None, line: int | None
    ) -> bool:
        """Whether what comes of the row is left to chance."""
        place = nulls.look(value)
        if place is None:
            return False
        where = dotted(place)
        rule = rules.NULL_NUMBER if nulls.of_numbers(place) else rules.NULL_FIRST
        message = f"{where} begins with null" if where else "a row is null"
        hint = "take the null out" if where else "take the line out"
        self.job.say(rule.found(f"{message}, before any value like it", hint, where), row, line)
        return True

    def _notice_images(self, row: dict[str, Any], number: int | None, line: int | None) -> None:
        images = self.context.columns.named(row).get("images")
        if not images:
            return
        known = {kind for _, _, kind in self.odd_images}
        kinds = image_kinds(images)
        if kinds == PLAIN_IMAGES:
            self.plain_images = True
            return
        self.odd_images += [(number, line, kind) for kind in sorted(kinds - known)]

    def finish(self) -> None:
        """Says what only the whole file tells."""
        job, rows = self.job, self.job.rows
        job.kept, job.pictured = self.kept, self.pictured
        mixed = self._mixed_images()
        if mixed is not None:
            problem = rules.IMAGES_MIXED.found(
                "pictures are not named by texts here, while they are elsewhere",
                "write a list of paths in every row",
                "images",
            )
            job.say(problem, *mixed)
        if rows and not self.kept:
            message = f"none of the {rows} rows can be loaded" if rows > 1 else "its row is lost"
            job.say(rules.ALL_LOST.found(message, "see what is said of the rows"))

    def _mixed_images(self) -> tuple[int | None, int | None] | None:
        """Row and line of pictures that can't stand in one column with the others."""
        kinds = {kind for _, _, kind in self.odd_images}
        if self.plain_images:
            kinds |= PLAIN_IMAGES
        of_paths = {kind for kind in kinds if kind.startswith(OF_PATH)}
        if len(of_paths) < 2 and len(kinds - of_paths) < 2:  # noqa: PLR2004 - two differ
            return None
        places = [(row, line) for row, line, kind in self.odd_images if kind not in PLAIN_IMAGES]
        return places[0]
