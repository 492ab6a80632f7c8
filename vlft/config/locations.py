"""Where a part of a config was written, and how it is named in a message."""

from __future__ import annotations

import re
from typing import Final, NamedTuple, TypeAlias

MAX_BYTES: Final = 1 << 20
"""Bytes of one file: 1 MiB."""

MAX_DEPTH: Final = 64
"""Maps and lists inside each other, after aliases are followed."""

MAX_NODES: Final = 20_000
"""Keys and values of one file, after aliases are followed."""

MAX_KEY: Final = 256
"""Characters of a key."""

MAX_FINDINGS: Final = 200
"""Mistakes of one file that are listed."""

MAX_TAG_DIRECTIVES: Final = 32
"""%TAG lines of one file; libyaml compares each with every other."""

MAX_CHAIN: Final = 16
"""Files of one chain of extends, the root among them."""

MAX_FILES: Final = 64
"""Files that one config reads, and entries of one extends list."""


KeyPath: TypeAlias = tuple[str | int, ...]
Data: TypeAlias = bool | int | float | str | list["Data"] | dict[str, "Data"] | None

_SHOWN: Final = 60  # characters of a value that a message quotes
_BARE_KEY: Final = re.compile(r"""[^\s.\[\]"'=\\]+""")


class Place(NamedTuple):
    """Where a key or a value was written.

    Attributes:
        file: As the user named it; None: from --set.
        line: From 1; None from --set.
        column: From 1; None from --set.
    """

    file: str | None
    line: int | None
    column: int | None


NOWHERE: Final = Place(None, None, None)
"""The place of what --set gives."""


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
