"""Texts that pyarrow's JSON reader takes for points in time."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

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
