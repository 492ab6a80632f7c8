"""What pandas' ujson makes of a text; `datasets` asks it about every text in a mixed column."""

from __future__ import annotations

import json
import math
import re
from datetime import datetime, timedelta
from typing import Any

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


_DECODER = json.JSONDecoder(parse_int=small_integer, strict=False)
_loads = _DECODER.decode
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
