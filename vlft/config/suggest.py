"""Did you mean: the nearest legal name to a mistyped one."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def nearest(name: str, legal: Iterable[str]) -> str | None:
    """The legal name that is most like `name`, or None if none is near."""
    found = difflib.get_close_matches(name.lower(), list(legal), n=1, cutoff=0.7)
    return found[0] if found else None
