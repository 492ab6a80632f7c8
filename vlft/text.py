"""Texts: the nearest legal name, counts, and values shown and read."""

from __future__ import annotations

import ast
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

# Of two names of which one may well be meant for something else.
_SHORTEST = 5
_SHORT = 8


def nearest(name: str, legal: Iterable[str]) -> str | None:
    """The legal name that is most like `name`, or None if none is near."""
    import difflib  # noqa: PLC0415 - milliseconds, for an error only

    found = difflib.get_close_matches(name.lower(), list(legal), n=1, cutoff=0.7)
    return found[0] if found else None


def near_miss(name: str, legal: Iterable[str]) -> str | None:
    """The legal name that `name` can only be a slip of, where other names are legal as well.

    A slip is another case, hyphens or underscores too many or too few, or a letter or two;
    a name of fewer than eight letters may lack one or have one too many, no more.
    """
    names = list(legal)
    plain = _plain(name)
    for candidate in names:
        if _plain(candidate) == plain:
            return candidate
    if len(plain) < _SHORTEST:
        return None
    cutoff = 0.85 if len(name) >= _SHORT else 0.9
    import difflib  # noqa: PLC0415 - as in nearest

    found = difflib.get_close_matches(name.upper(), names, n=1, cutoff=cutoff)
    return found[0] if found else None


def _plain(name: str) -> str:
    return name.replace("_", "").replace("-", "").upper()


def counted(number: int, noun: str) -> str:
    """`1 process`, `2 processes`, `1,000 rows`."""
    if number == 1:
        return f"1 {noun}"
    return f"{number:,} {noun}{'es' if noun.endswith('s') else 's'}"


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


def parse_json(text: str) -> Any:
    """What is in a JSON text; None also where it is not JSON."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def read_literal(text: str) -> Any:
    """The value that a text writes down, in JSON or in Python's form.

    Raises:
        ValueError: If it is neither.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError) as error:
        message = "neither JSON nor Python"
        raise ValueError(message) from error
