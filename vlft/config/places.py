"""Where a part of a config was written, and how it is named in a message."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, TypeAlias

KeyPath: TypeAlias = tuple[str | int, ...]
Data: TypeAlias = bool | int | float | str | list["Data"] | dict[str, "Data"] | None

_SHOWN: Final = 60  # characters of a value that a message quotes
_BARE_KEY: Final = re.compile(r"""[^\s.\[\]"'=\\]+""")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a key or a value was written.

    Attributes:
        file: As the user named it; None: from --set.
        line: From 1; None from --set.
        column: From 1; None from --set.
    """

    file: str | None
    line: int | None
    column: int | None


def dotted(path: KeyPath) -> str:
    """The path as a user writes it: `data.train[0]`, `env."a.b"`."""
    out = ""
    for part in path:
        if isinstance(part, int):
            out += f"[{part}]"
            continue
        bare = part.isprintable() and _BARE_KEY.fullmatch(part)
        key = part if bare else '"' + printable(part) + '"'
        out += f".{key}" if out else key
    return out


def printable(text: str) -> str:
    """The text with whatever a terminal would act on written as an escape."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def shown(text: str) -> str:
    """The text for a message: in backquotes, one line, shortened."""
    short = text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
    return f"`{printable(short)}`"
