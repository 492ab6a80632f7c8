"""What pandas' ujson makes of a text; `datasets` asks it about every text in a mixed column."""

from __future__ import annotations

import json
import math
import re
from typing import Any

_INTEGER = re.compile(r"\s*-?\d+\s*")
_LARGEST = 1 << 64


class NotJsonError(ValueError):
    """ujson refuses the text."""


def loose_loads(text: str) -> Any:
    """The value that ujson reads.

    Looser than JSON with leading zeros and NaN, stricter with integers beyond 64 bits.

    Raises:
        NotJsonError: If it refuses.
    """
    try:
        value = json.loads(text, parse_int=_small)
    except (ValueError, RecursionError):
        if _INTEGER.fullmatch(text):
            return _small(text)
        raise NotJsonError from None
    if isinstance(value, float) and math.isnan(value):
        return None
    return value


def _small(text: str) -> int:
    number = int(text) if len(text) < 40 else _LARGEST  # noqa: PLR2004 - int() refuses long ones
    if not -_LARGEST // 2 <= number < _LARGEST:
        raise NotJsonError
    return number
