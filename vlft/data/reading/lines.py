"""Rows of a piece of a JSON Lines file, one by one and exactly as pyarrow sees them.

Further down: what pandas' ujson makes of a text; `datasets` asks it about every text in a mixed
column.
"""

from __future__ import annotations

import json
import math
import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from vlft.data import rules
from vlft.data.findings import RowLostError, RowProblem
from vlft.data.reading.chunks import BOM
from vlft.text import kind

if TYPE_CHECKING:
    from collections.abc import Iterator


_DARK = re.compile(r"[^ \t\n\r]")
_LONE = re.compile(r"[\ud800-\udfff]")


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                message = f"an object has the key {json.dumps(key)} twice"
                raise rules.DUPLICATE_KEY.lost(message, "keep one of the two")
            seen.add(key)
    return made


def _float(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise rules.NOT_JSON.lost(f"the number {text[:40]} is too big")
    return number


_DECODER = json.JSONDecoder(object_pairs_hook=_pairs, parse_float=_float)


def _value(text: str, at: int, row: int, line: int) -> tuple[Any, int]:
    """The value at a place, and the place where it ends.

    Args:
        text: Of several rows.
        at: Where the row begins.
        row: Its number.
        line: The number of its line.

    Raises:
        BrokenLineError: Where pyarrow refuses the text.
    """
    place = at
    try:
        value, end = _DECODER.raw_decode(text, at)
        if "\\u" not in text[at:end] or not _LONE.search(json.dumps(value, ensure_ascii=False)):
            return value, end
        problem = rules.SURROGATE.found(
            "a text holds half of a surrogate pair", "write the character itself, in UTF-8"
        )
    except RowLostError as error:
        problem = error.problem
    except json.JSONDecodeError as error:
        problem, place = _not_json(text, at, error), error.pos
    except (ValueError, RecursionError) as error:
        problem = rules.NOT_JSON.found(f"the row can't be read: {error}")
    column = place - text.rfind("\n", 0, place)
    raise BrokenLineError(problem, row, line + text.count("\n", at, place), column) from None


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
        yield from (before := list(rows_of(good, row, line)))
        problem = rules.ENCODING.found(
            f"byte 0x{data[error.start]:02x} is not UTF-8", "save the file as UTF-8"
        )
        column = error.start - len(good) + 1
        at = row + len(before)
        raise BrokenLineError(problem, at, line + good.count(b"\n"), column) from None
    end = counted = 0
    while (found := _DARK.search(text, end)) is not None:
        start = found.start()
        line += text.count("\n", counted, start)
        counted = start
        value, end = _value(text, start, row, line)
        if value is not None and not isinstance(value, dict):
            problem = rules.NOT_OBJECT.found(f"the row is {kind(value)}", 'write {"messages": […]}')
            raise BrokenLineError(problem, row, line, 1)
        yield Row(row, line, value, text[start:end].encode())
        row += 1


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


# arrow/util/value_parsing.h: ParseTimestampISO8601, in seconds.
_DATE = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[ T](\d\d)(?::(\d\d)(?::(\d\d))?)?(?:Z|([+-])(\d\d):?(\d\d)?)?)?"
)
_LONGEST = 25
_SHORTEST = 10


def is_date(text: str) -> bool:
    """Whether pyarrow reads a column as timestamps if all its texts are like this one."""
    if not _SHORTEST <= len(text) <= _LONGEST or text[4] != "-":
        return False
    return milliseconds(text) is not None


def milliseconds(text: str) -> int | None:
    """The number that the text becomes on its way through ms-swift's cache; None if it stays."""
    match = _DATE.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, sign, off_hour, off_minute = match.groups()
    try:
        moment = datetime(
            int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0)
        )
        offset = timedelta(hours=int(off_hour or 0), minutes=int(off_minute or 0))
        since = moment - datetime(1970, 1, 1)
    except ValueError:
        return None
    since = since + offset if sign == "-" else since - offset
    return (since.days * 86_400 + since.seconds) * 1000


_LARGEST = 1 << 64


class NotJsonError(ValueError):
    """ujson refuses the text."""


def loose_loads(text: str) -> Any:
    """The value that ujson reads.

    Looser than JSON with NaN, leading zeros, numbers that break off, control characters, a comma
    at an object's end and keys that stand twice; stricter with integers beyond 64 bits.

    Raises:
        NotJsonError: If it refuses.
    """
    try:
        value = _loads(text)
    except (ValueError, RecursionError):
        try:
            value = _loads(mended(text))
        except (ValueError, RecursionError):
            raise NotJsonError from None
    if "\\u" in text and has_half_pair(text):
        raise NotJsonError
    if isinstance(value, float) and math.isnan(value):
        return None
    return value


def mended(text: str) -> str:
    """JSON in place of what ujson takes for it."""
    return _LOOSE.sub(_strictly, text)


def has_half_pair(text: str) -> bool:
    """Whether there is a second half of a surrogate pair alone: it can't be written again."""
    return _SECOND_HALF.search(text) is not None


def small_integer(text: str) -> int:
    """An integer of JSON.

    Raises:
        NotJsonError: If ujson refuses it.
    """
    number = int(text) if len(text) < 40 else _LARGEST  # noqa: PLR2004 - int() refuses long ones
    if not -_LARGEST // 2 <= number < _LARGEST:
        raise NotJsonError
    return number


_loads = json.JSONDecoder(parse_int=small_integer, strict=False).decode
_SECOND_HALF = re.compile(r"(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F]")
_LOOSE = re.compile(
    r'"(?:[^"\\]|\\.)*"|(?P<comma>,)(?=\s*\})'
    r"|(?P<sign>-?)(?P<whole>\d+)(?P<dot>\.?)(?P<rest>\d*)(?P<power>[eE][+-]?\d*)?",
    re.DOTALL,
)


def _strictly(found: re.Match[str]) -> str:
    if found["comma"]:
        return ""
    if found["whole"] is None:
        return found[0]
    rest = f".{found['rest'] or 0}" if found["dot"] else ""
    power = found["power"] or ""
    if not power[-1:].isdigit():
        power = ""
    return f"{found['sign']}{found['whole'].lstrip('0') or 0}{rest}{power}"
