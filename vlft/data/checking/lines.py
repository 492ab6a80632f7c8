"""A JSON Lines file from its first piece to its last, the slow and exact way."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import msgspec
from msgspec import MsgspecError

from vlft.data import rules
from vlft.data.checking.fast import FastReader, row_decoder, shape_decoder
from vlft.data.reading.arrow import NullFirst, fits, misfits
from vlft.data.reading.chunks import pieces, without_bom
from vlft.data.reading.lines import (
    BrokenLineError,
    Row,
    lines_are_loose_json,
    loose_rows_of,
    rows_of,
)
from vlft.data.reading.schema import Schema, Shape
from vlft.data.rows.columns import dotted, is_read, look

if TYPE_CHECKING:
    from vlft.data.checking.rows import Job, RowChecker
    from vlft.data.reading.chunks import Piece
    from vlft.data.rows.columns import FirstLook
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
        try:
            for row in rows_of(plain, 1, 1):
                shape.add(row.value or {})
        except BrokenLineError:
            pass  # said where the rows are judged
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
        for row in rows_of(raw, 1, 1):
            shape.add(row.value or {})
        if number == _SAMPLE or odd >= _ENOUGH:
            decode, odd = shape_decoder(shape).decode, 0
    return loose


def _add_loosely(data: bytes) -> Shape | None:
    """The shape of lines that are read by ujson, as they are in a mixed file; None of others."""
    shape = Shape()
    try:
        for row in loose_rows_of(data, 1, 1):
            shape.add(row.value or {})
    except BrokenLineError:
        return None
    return shape if Schema(shape).mixed else None


class LaterPieces:
    """What later pieces of a file do to the load of it all.

    Args:
        checker: Of the file.
    """

    def __init__(self, checker: RowChecker) -> None:
        self._checker = checker
        self._schema = checker.look.schema
        self.fails = False
        self._quoted: set[tuple[str, ...]] = set()

    def judge(self, odd: Shape, piece: Piece, rows: list[Row]) -> None:
        """Says whether a piece fits the schema.

        Args:
            odd: What was seen in its rows that were read the slow way.
            piece: The whole of it.
            rows: Its slow rows, to point at.
        """
        if self.fails or fits(odd, self._schema.shape, self._schema.padded):
            return
        exact, data = Shape(), piece.read()
        try:
            for row in rows_of(data, 1, 1):
                exact.add(row.value or {})
        except BrokenLineError:
            return
        for misfit in misfits(exact, self._schema.shape, self._schema.padded):
            if misfit.path in self._quoted:
                continue
            place = dotted(misfit.path)
            guilty = _first_odd(rows, self._schema)
            at = (guilty.number, guilty.line) if guilty else (None, None)
            message = f"{place} is {misfit.said}"
            if misfit.quoted:
                self._quoted.add(misfit.path)
                if not is_read(misfit.path[0], self._checker.context.columns):
                    continue
                if not lines_are_loose_json(data):
                    self.fails = True
                    problem = rules.TYPES.found(message, "use one type", place)
                    self._checker.say(problem, *at)
                    return
                message += f": every {place} from here on comes out JSON-quoted"
                hint = "write it as a text; or move this row to line 1"
                self._checker.say(rules.QUOTED.found(message, hint, place), *at)
            else:
                self.fails = True
                hint = "move a row that has it all to line 1 (vlft data convert --fix does)"
                self._checker.say(rules.SCHEMA.found(message, hint, place), *at)
                return


def _first_odd(rows: list[Row], schema: Schema) -> Row | None:
    """The first row that does not fit."""
    for row in rows:
        shape = Shape()
        shape.add(row.value or {})
        if not fits(shape, schema.shape, schema.padded):
            return row
    return None


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
    try:
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
                raw += fast.take_rest(stream)  # noqa: PLW2901
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


class _Odd(msgspec.Struct):
    """What took the exact way in a piece."""

    shape: Shape = msgspec.field(default_factory=Shape)
    rows: list[Row] = msgspec.field(default_factory=list)
