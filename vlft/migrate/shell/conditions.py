"""`[ … ]` and `test …`, where their words alone decide it."""

from __future__ import annotations

import operator
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_NUMBERS: Final[dict[str, Callable[[int, int], bool]]] = {
    "-eq": operator.eq, "-ne": operator.ne, "-lt": operator.lt, "-le": operator.le,
    "-gt": operator.gt, "-ge": operator.ge,
}  # fmt: skip
_WHOLE: Final = re.compile(r"-?\d{1,9}")


def holds(words: Sequence[str]) -> bool | None:
    """Whether a test is true; None if it looks at files, or is not understood.

    Args:
        words: `[` or `test`, and what follows.
    """
    inner = list(words[1:])
    if words[0] == "[":
        if not inner or inner[-1] != "]":
            return None
        del inner[-1]
    if inner[:1] == ["!"]:
        found = _plain(inner[1:])
        return None if found is None else not found
    return _plain(inner)


def _plain(words: list[str]) -> bool | None:
    if len(words) == 2 and words[0] in ("-n", "-z"):  # noqa: PLR2004 - and its text
        return bool(words[1]) == (words[0] == "-n")
    if len(words) != 3:  # noqa: PLR2004 - two sides
        return None
    left, sign, right = words
    if sign in ("=", "==", "!="):
        return (left == right) == (sign != "!=")
    if sign in _NUMBERS and _WHOLE.fullmatch(left) and _WHOLE.fullmatch(right):
        return _NUMBERS[sign](int(left), int(right))
    return None
