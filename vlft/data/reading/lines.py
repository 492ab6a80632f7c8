"""Rows of a piece of a JSON Lines file, one by one and exactly as pyarrow sees them."""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from vlft.data import rules
from vlft.data.reading.chunks import BOM
from vlft.data.reading.loose_json import NotJsonError, loose_loads, small_integer
from vlft.text import kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vlft.data.outcomes import RowProblem

_BLANK = re.compile(r"[ \t\n\r]*")
_LONE = re.compile(r"[\ud800-\udfff]")


class BrokenFileError(Exception):
    """A place at which pyarrow gives the whole file up.

    Attributes:
        problem: What is wrong.
        offset: Characters from the start of the text.
    """

    def __init__(self, problem: RowProblem, offset: int) -> None:
        super().__init__(problem.message)
        self.problem = problem
        self.offset = offset


class Value(NamedTuple):
    """One value of a text.

    Attributes:
        value: The value.
        start: Characters before it.
        end: Characters up to its end.
    """

    value: Any
    start: int
    end: int


class _DuplicateKeyError(ValueError):
    pass


class _NumberError(ValueError):
    pass


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise _DuplicateKeyError(key)
            seen.add(key)
    return made


def _float(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise _NumberError(text)
    return number


_DECODER = json.JSONDecoder(object_pairs_hook=_pairs, parse_float=_float)


def read_values(text: str, start: int = 0) -> Iterator[Value]:
    """All values of a text, with white space or nothing between them.

    Raises:
        BrokenFileError: Where pyarrow refuses the text.
    """
    at = start
    while True:
        match = _BLANK.match(text, at)
        at = match.end() if match else at
        if at == len(text):
            return
        try:
            value, end = _DECODER.raw_decode(text, at)
        except _DuplicateKeyError as error:
            message = f"an object has the key {json.dumps(error.args[0])} twice"
            problem = rules.DUPLICATE_KEY.found(message, "keep one of the two")
            raise BrokenFileError(problem, at) from None
        except _NumberError as error:
            problem = rules.NOT_JSON.found(f"the number {error.args[0][:40]} is too big")
            raise BrokenFileError(problem, at) from None
        except json.JSONDecodeError as error:
            raise BrokenFileError(_not_json(text, at, error), error.pos) from None
        except (ValueError, RecursionError) as error:
            problem = rules.NOT_JSON.found(f"the row can't be read: {error}")
            raise BrokenFileError(problem, at) from None
        if "\\u" in text[at:end] and _LONE.search(json.dumps(value, ensure_ascii=False)):
            problem = rules.SURROGATE.found(
                "a text holds half of a surrogate pair", "write the character itself, in UTF-8"
            )
            raise BrokenFileError(problem, at)
        yield Value(value, at, end)
        at = end


def _not_json(text: str, start: int, error: json.JSONDecodeError) -> RowProblem:
    said = error.msg[0].lower() + error.msg[1:]
    if error.pos >= len(text.rstrip()):
        return rules.NOT_JSON.found(
            f"the line is not JSON: it ends too early ({said})", "write the row again"
        )
    near = text[max(start, error.pos - 15) : error.pos + 10]
    hint = "mend the line, or take it out: ms-swift loads nothing of the file as it is"
    return rules.NOT_JSON.found(f"the line is not JSON: {said}, near {near!r}", hint)


class Row(NamedTuple):
    """A row of a file.

    Attributes:
        number: From 1, in the whole file.
        line: From 1; where it begins.
        value: An object; null for a line that holds only null.
        raw: Its bytes, without white space around.
    """

    number: int
    line: int
    value: dict[str, Any] | None
    raw: bytes


class BrokenLineError(Exception):
    """A line at which the load of the whole file fails.

    Attributes:
        problem: What is wrong.
        row: Number of the row, from 1.
        line: From 1.
        column: From 1.
    """

    def __init__(self, problem: Any, row: int, line: int, column: int) -> None:
        super().__init__(problem.message)
        self.problem = problem
        self.row = row
        self.line = line
        self.column = column


def rows_of(data: bytes, row: int, line: int) -> Iterator[Row]:
    """The rows of some lines.

    Args:
        data: Whole lines; without a byte order mark.
        row: Number of the first row.
        line: Number of the first line.

    Raises:
        BrokenLineError: Where the load of the file fails.
    """
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        good = data[: data.rfind(b"\n", 0, error.start) + 1]
        yield from (found := list(rows_of(good, row, line)))
        problem = rules.ENCODING.found(
            f"byte 0x{data[error.start]:02x} is not UTF-8", "save the file as UTF-8"
        )
        column = error.start - len(good) + 1
        at = row + len(found)
        raise BrokenLineError(problem, at, line + good.count(b"\n"), column) from None
    position = 0
    try:
        for found_value in read_values(text):
            line += text.count("\n", position, found_value.start)
            position = found_value.start
            value = found_value.value
            if value is not None and not isinstance(value, dict):
                problem = rules.NOT_OBJECT.found(
                    f"the row is {kind(value)}", 'write {"messages": […]}'
                )
                raise BrokenLineError(problem, row, line, 1)
            raw = text[found_value.start : found_value.end].encode()
            yield Row(row, line, value, raw)
            row += 1
    except BrokenFileError as error:
        line += text.count("\n", position, error.offset)
        column = error.offset - text.rfind("\n", 0, error.offset)
        raise BrokenLineError(error.problem, row, line, column) from None


def lines_are_loose_json(data: bytes) -> bool:
    """Whether ujson reads each line by itself: only then `datasets` looks for mixed objects.

    Args:
        data: The first piece of the file as it stands, byte order mark included.
    """
    if data.startswith(BOM):
        return False
    for line in data.splitlines():
        try:
            json.loads(line, parse_int=small_integer)
        except (ValueError, RecursionError):
            return False
    return True


def loose_rows_of(data: bytes, row: int, line: int) -> Iterator[Row]:
    """The rows of lines that ujson reads and writes anew before pyarrow sees them.

    Args:
        data: As of `rows_of`.
        row: Likewise.
        line: Likewise.

    Raises:
        BrokenLineError: Where the load of the file fails.
    """
    for number, raw in enumerate(data.splitlines(), line):
        if not raw.strip():
            continue
        try:
            value = loose_loads(raw.decode())
        except (NotJsonError, UnicodeDecodeError):
            yield from rows_of(raw, row, number)  # says what is wrong
            row += 1
            continue
        if value is not None and not isinstance(value, dict):
            yield from rows_of(raw, row, number)
        yield Row(row, number, value, raw.strip())
        row += 1
