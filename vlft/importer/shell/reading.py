"""`read a b <<< "$text"`: variables that are set from a text that is known."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from vlft.importer.shell.texts import Text, pieces

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vlft.importer.shell.texts import Variables

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def read_from(words: Sequence[str], text: Text, ifs: Text | None, variables: Variables) -> bool:
    """Sets what `read` sets; False if it is not understood.

    Args:
        words: Behind `read`.
        text: What it reads.
        ifs: The characters that split it; None for blanks.
        variables: Takes the values.
    """
    options = [word for word in words if word.startswith("-")]
    names = [word for word in words if _NAME.fullmatch(word)]
    if text.why is not None or (ifs is not None and ifs.why is not None):
        return False
    if len(options) + len(names) != len(words) or not names:
        return False
    if any(option not in ("-r", "-a", "-ra", "-ar") for option in options):
        return False
    line = text.text.partition("\n")[0]
    found = [Text(one, None, text.notes) for one in pieces(line, None if ifs is None else ifs.text)]
    if any("a" in option for option in options):
        variables.set(names[0], tuple(found), array=True)
        return len(names) == 1
    if len(found) > len(names):
        return False  # the last one would take the rest, with what stands between
    for index, name in enumerate(names):
        variables.set(name, (found[index] if index < len(found) else Text(""),))
    return True
