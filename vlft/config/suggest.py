"""Did you mean: the nearest legal name to a mistyped one."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

# Of two names of which one may well be meant for something else.
_SHORTEST = 5
_SHORT = 8


def nearest(name: str, legal: Iterable[str]) -> str | None:
    """The legal name that is most like `name`, or None if none is near."""
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
    found = difflib.get_close_matches(name.upper(), names, n=1, cutoff=cutoff)
    return found[0] if found else None


def _plain(name: str) -> str:
    return name.replace("_", "").replace("-", "").upper()
