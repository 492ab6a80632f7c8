"""JSON Lines from the first piece to the last."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING

from vlft.data.checking.decoder import row_decoder
from vlft.data.checking.fast import FastReader
from vlft.data.checking.jsonl import LaterPieces, first_look
from vlft.data.checking.null_first import NullFirst
from vlft.data.checking.parallel import processes, read_in_parallel
from vlft.data.reading.chunks import pieces, without_bom
from vlft.data.reading.lines import BrokenLineError, Row, loose_rows_of, rows_of
from vlft.data.schema.shape import Shape

if TYPE_CHECKING:
    from vlft.data.checking.job import Job
    from vlft.data.checking.rows import RowChecker
    from vlft.data.reading.chunks import Piece


def check_lines(job: Job, *, fast: bool = True) -> None:
    """Checks all rows of a file of JSON Lines.

    Args:
        job: Of the file.
        fast: Whether plain rows may take the short way.
    """
    found = pieces(job.source.file)
    first = next(found, None)
    if first is None:
        return
    look = first_look(first.read(), job.settings)
    reader = LinesReader(job, job.checker(look), fast=fast)
    jobs = processes(job) if fast else 1
    try:
        if jobs > 1:
            read_in_parallel(job, reader, look, jobs)
        else:
            for piece in chain([first], found):
                reader.read(piece)
                job.advance(piece.size)
    except BrokenLineError as error:
        job.broken(error)
        return
    job.numbered = reader.lines == job.rows
    job.finish(reader.checker)


class LinesReader:
    """Goes through the pieces of a file, in order.

    Args:
        job: Of the file.
        checker: Of its rows.
        fast: Whether plain rows may take the short way.
    """

    def __init__(self, job: Job, checker: RowChecker, *, fast: bool = True) -> None:
        self._job = job
        self.checker = checker
        self._later = LaterPieces(self.checker)
        self._nulls = checker.nulls = NullFirst(checker.look.schema)
        self._rows_of = loose_rows_of if checker.look.schema.mixed else rows_of
        self._line = 1
        # A preference takes more than an answer.
        plain = fast and job.settings.task != "rlhf"
        decoder = row_decoder(checker.look) if plain else None
        self._fast: FastReader | None = None
        if decoder is not None:
            self._fast = FastReader(decoder, checker.context, job.hashes, job.tally)

    @property
    def lines(self) -> int:
        """Lines so far."""
        return self._line - 1

    def skip_lines(self, count: int) -> None:
        """Lines that were read elsewhere."""
        self._line += count

    def read(self, piece: Piece) -> None:
        """Checks the rows of a piece.

        Raises:
            BrokenLineError: Where the load of the file fails.
        """
        odd = _Odd()
        self._nulls.begin()
        if self._fast is None:
            data = without_bom(piece.read()) if piece.first else piece.read()
            for row in self._rows_of(data, self._job.rows + 1, self._line):
                self._exactly(row, odd, first=piece.first)
            self._line += data.count(b"\n") + (not data.endswith(b"\n"))
        else:
            self._quickly(piece, odd, self._fast)
        if not piece.first:
            self._later.judge(odd.shape, piece, odd.rows)

    def _quickly(self, piece: Piece, odd: _Odd, fast: FastReader) -> None:
        job = self._job
        stream = piece.stream()
        for passed, raw in fast.odd_lines(stream):
            job.rows += passed
            self._line += passed
            self.checker.kept += passed
            if passed:
                self._nulls.know(fast.columns if fast.with_media else fast.columns[:1])
            before = job.rows
            try:
                for row in self._rows_of(raw, before + 1, self._line):
                    self._exactly(row, odd, first=piece.first)
            except BrokenLineError:
                if job.rows > before:
                    raise
                # An object may go on in the next lines.
                raw = b"".join([raw, *fast.rest])  # noqa: PLW2901
                for row in self._rows_of(raw, before + 1, self._line):
                    self._exactly(row, odd, first=piece.first)
            self._line += raw.count(b"\n") if raw.endswith(b"\n") or not raw else 1
        stream.close()
        pictured = fast.take_media()
        self.checker.with_media += pictured
        self.checker.plain_images |= pictured > 0

    def _exactly(self, row: Row, odd: _Odd, *, first: bool) -> None:
        self._job.rows = row.number
        self._job.hashes.add(row.raw + b"\n")
        self.checker.check(row.value, row.number, row.line)
        if not first:
            odd.shape.add(row.value or {})
            odd.rows.append(row)


@dataclass(slots=True)
class _Odd:
    """What took the exact way in a piece."""

    shape: Shape = field(default_factory=Shape)
    rows: list[Row] = field(default_factory=list)
