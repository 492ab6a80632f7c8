"""Values in messages to people: short, and on one line."""

from __future__ import annotations

import json
from typing import Any

_LONGEST = 60


def shown(value: Any) -> str:
    """A value as JSON, cut to what fits a line."""
    try:
        text = json.dumps(value, ensure_ascii=False, default=str)
    except (ValueError, RecursionError):
        text = str(type(value).__name__)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


_KINDS = {
    dict: "an object",
    list: "a list",
    str: "a text",
    bool: "true or false",
    int: "a number",
    float: "a number",
    type(None): "null",
}


def kind(value: Any) -> str:
    """What a value is, in JSON's words."""
    return _KINDS.get(type(value), "a date")
