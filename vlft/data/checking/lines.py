"""A JSON Lines file from its first piece to its last, the slow and exact way."""

from __future__ import annotations

from contextlib import suppress
from itertools import chain
from typing import TYPE_CHECKING

from msgspec import MsgspecError

from vlft.data import rules
from vlft.data.checking.fast import FastReader, row_decoder, shape_decoder
from vlft.data.checking.rows import Job, RowChecker
from vlft.data.reading.arrow import NullFirst, fits, misfits
from vlft.data.reading.chunks import Piece, pieces, without_bom
from vlft.data.reading.lines import (
    BrokenLineError,
    Row,
    lines_are_loose_json,
    loose_rows_of,
    rows_of,
)
from vlft.data.reading.schema import Schema, Shape
from vlft.data.rows.columns import FirstLook, dotted, is_read, look

if TYPE_CHECKING:
    from vlft.data.settings import CheckSettings

_SAMPLE = 64
_ENOUGH = 32


def first_look(data: bytes, settings: CheckSettings) -> FirstLook:
    """What the first piece of a file decides."""
    shape = Shape()
    plain = without_bom(data)
    try:
        loose = _add_lines(shape, plain)
        padded = plain is not data or not loose
    except BrokenLineError:
        written_anew = _add_loosely(plain) if plain is data else None
        if written_anew is not None:
            return look(written_anew, settings)
        padded = True
        shape = Shape()
        with suppress(BrokenLineError):  # said where the rows are judged
            shape.add_rows(rows_of(plain, 1, 1))
    return look(shape, settings, padded=padded)


def _add_lines(shape: Shape, data: bytes) -> bool:
    """Takes all lines in; whether ujson reads each of them by itself.

    Once some have been seen, most others add nothing: a decoder made of what was seen says so.

    Raises:
        BrokenLineError: If a line is not a row by itself.
    """
    loose = True
    decode, odd = None, 0
    for number, raw in enumerate(data.splitlines(), 1):
        if decode is not None:
            try:
                decode(raw)
            except (MsgspecError, UnicodeDecodeError):
                odd += 1
            else:
                continue
        loose = loose and lines_are_loose_json(raw or b"\n")
        shape.add_rows(rows_of(raw, 1, 1))
        if number == _SAMPLE or odd >= _ENOUGH:
            decode, odd = shape_decoder(shape).decode, 0
    return loose


def _add_loosely(data: bytes) -> Shape | None:
    """The shape of lines that are read by ujson, as they are in a mixed file; None of others."""
    shape = Shape()
    try:
        shape.add_rows(loose_rows_of(data, 1, 1))
    except BrokenLineError:
        return None
    return shape if Schema(shape).mixed else None


class LaterPieces:
    """What later pieces of a file do to the load of it all.

    Args:
        checker: Of the file.
    """

    def __init__(self, checker: RowChecker) -> None:
        self._say = checker.job.say
        self._columns = checker.look.columns
        self._schema = checker.look.schema
        self._fails = False
        self._quoted: set[tuple[str, ...]] = set()

    def judge(self, piece: Piece, odd: list[Row]) -> None:
        """Says whether a piece fits the schema.

        Args:
            piece: The whole of it.
            odd: Its rows that were read the slow way: others add nothing to the schema.
        """
        if self._fails or self._fits(odd):
            return
        exact, data = Shape(), piece.read()
        try:
            exact.add_rows(rows_of(data, 1, 1))
        except BrokenLineError:
            return
        for misfit in misfits(exact, self._schema.shape, self._schema.padded):
            if misfit.path in self._quoted:
                continue
            place = dotted(misfit.path)
            guilty = next((row for row in odd if not self._fits([row])), None)
            at = (guilty.number, guilty.line) if guilty else (None, None)
            message = f"{place} is {misfit.said}"
            if not misfit.quoted:
                self._fails = True
                hint = "move a row that has it all to line 1 (vlft data convert --fix does)"
                self._say(rules.SCHEMA.found(message, hint, place), *at)
                return
            self._quoted.add(misfit.path)
            if not is_read(misfit.path[0], self._columns):
                continue
            if not lines_are_loose_json(data):
                self._fails = True
                self._say(rules.TYPES.found(message, "use one type", place), *at)
                return
            message += f": every {place} from here on comes out JSON-quoted"
            hint = "write it as a text; or move this row to line 1"
            self._say(rules.QUOTED.found(message, hint, place), *at)

    def _fits(self, rows: list[Row]) -> bool:
        shape = Shape()
        shape.add_rows(rows)
        return fits(shape, self._schema.shape, self._schema.padded)


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
    reader = LinesReader(RowChecker(job, look), fast=fast)
    try:
        for piece in chain([first], found):
            reader.read(piece)
            job.advance(piece.size)
    except BrokenLineError as error:
        job.broken(error)
        return
    job.numbered = reader.lines == job.rows
    reader.checker.finish()


class LinesReader:
    """Goes through the pieces of a file, in order.

    Args:
        checker: Of its rows.
        fast: Whether plain rows may take the short way.
    """

    def __init__(self, checker: RowChecker, *, fast: bool = True) -> None:
        self.checker = checker
        self._job = job = checker.job
        self._later = LaterPieces(checker)
        self._nulls = checker.nulls = NullFirst(checker.look.schema)
        self._rows_of = loose_rows_of if checker.look.schema.mixed else rows_of
        self._odd: list[Row] | None = None
        self.lines = 0
        # A preference takes more than an answer.
        plain = fast and job.settings.task != "rlhf"
        decoder = row_decoder(checker.look) if plain else None
        self._fast: FastReader | None = None
        if decoder is not None:
            self._fast = FastReader(decoder, checker.context, job.split.hashes, job.tally)

    def read(self, piece: Piece) -> None:
        """Checks the rows of a piece.

        Raises:
            BrokenLineError: Where the load of the file fails.
        """
        self._odd = None if piece.first else []
        self._nulls.begin()
        if self._fast is None:
            data = without_bom(piece.read()) if piece.first else piece.read()
            self._read_exactly(data)
            self.lines += data.count(b"\n") + (not data.endswith(b"\n"))
        else:
            self._read_quickly(piece, self._fast)
        if self._odd is not None:
            self._later.judge(piece, self._odd)

    def _read_quickly(self, piece: Piece, fast: FastReader) -> None:
        job = self._job
        stream = piece.stream()
        for passed, raw in fast.odd_lines(stream):
            job.rows += passed
            self.lines += passed
            self.checker.kept += passed
            if passed:
                self._nulls.know(fast.columns if fast.with_media else fast.columns[:1])
            before = job.rows
            try:
                self._read_exactly(raw)
            except BrokenLineError:
                if job.rows > before:
                    raise
                # An object may go on in the next lines.
                raw += fast.take_rest(stream)  # noqa: PLW2901
                self._read_exactly(raw)
            self.lines += raw.count(b"\n") if raw.endswith(b"\n") or not raw else 1
        stream.close()
        pictured = fast.take_media()
        self.checker.pictured += pictured
        self.checker.plain_images |= pictured > 0

    def _read_exactly(self, data: bytes) -> None:
        for row in self._rows_of(data, self._job.rows + 1, self.lines + 1):
            self._job.rows = row.number
            self._job.split.hashes.add(row.raw + b"\n")
            self.checker.check(row.value, row.number, row.line)
            if self._odd is not None:
                self._odd.append(row)
