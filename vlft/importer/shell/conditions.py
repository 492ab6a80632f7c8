"""`[ … ]` and `test …`, where their words alone decide it."""

from __future__ import annotations

import operator
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vlft.importer.shell.texts import Text

_NUMBERS: Final[dict[str, Callable[[int, int], bool]]] = {
    "-eq": operator.eq, "-ne": operator.ne, "-lt": operator.lt, "-le": operator.le,
    "-gt": operator.gt, "-ge": operator.ge,
}  # fmt: skip
_WHOLE: Final = re.compile(r"\s*[-+]?\d{1,9}\s*")


def holds(words: Sequence[Text]) -> bool | None:
    """Whether a test is true; None if it looks at files, or is not understood.

    Args:
        words: `[` or `test`, and what follows, expanded.
    """
    inner = list(words[1:])
    if words[0].text == "[":
        if not inner or inner[-1].text != "]":
            return None
        del inner[-1]
    found: list[bool | None] = []
    for either in _apart(inner, "-o"):
        both = [_negatable(one) for one in _apart(either, "-a")]
        found.append(False if False in both else None if None in both else True)
    return True if True in found else None if None in found else False


def _apart(words: list[Text], sign: str) -> list[list[Text]]:
    parts: list[list[Text]] = [[]]
    for word in words:
        if word.text == sign and word.why is None and parts[-1]:
            parts.append([])
        else:
            parts[-1].append(word)
    return parts


def _negatable(words: list[Text]) -> bool | None:
    if words and words[0].text == "!" and words[0].why is None:
        found = _plain(words[1:])
        return None if found is None else not found
    return _plain(words)


def _plain(words: list[Text]) -> bool | None:
    if len(words) == 1:
        return bool(words[0].text) if words[0].why is None else None
    if len(words) == 2:  # noqa: PLR2004 - a sign and its text
        return of_one(words[0].text, words[1])
    if len(words) != 3:  # noqa: PLR2004 - two sides
        return None
    return compare(words[0], words[1].text, words[2])


def of_one(sign: str, value: Text) -> bool | None:
    """`-n text` and `-z text`."""
    if sign not in ("-n", "-z") or value.why is not None:
        return None
    return bool(value.text) == (sign == "-n")


def compare(left: Text, sign: str, right: Text) -> bool | None:
    """Two sides; None if one is unknown, or the sign is no comparison of texts or numbers."""
    if left.why is not None or right.why is not None:
        return None
    if sign in ("=", "==", "!="):
        return (left.text == right.text) == (sign != "!=")
    if sign in _NUMBERS and _WHOLE.fullmatch(left.text) and _WHOLE.fullmatch(right.text):
        return _NUMBERS[sign](int(left.text), int(right.text))
    return None
