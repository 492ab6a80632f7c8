"""A value of a config that knows where it was written, and one config over another."""

from __future__ import annotations

import re
from typing import Final, NamedTuple, TypeAlias

KeyPath: TypeAlias = tuple[str | int, ...]
Data: TypeAlias = bool | int | float | str | list["Data"] | dict[str, "Data"] | None

Scalar: TypeAlias = bool | int | float | str | None

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


class Entry(NamedTuple):
    """One value; it is never changed, so that several configs can share it.

    Attributes:
        value: Plain for a scalar; entries in a list and a map.
        place: Where the value was written.
        key_place: Where its key was written; None for the root and for an item of a list.
        text: A scalar as written: `1e-4`, `true`; the content of a quoted one.
    """

    value: Scalar | list[Entry] | dict[str, Entry]
    place: Place
    key_place: Place | None = None
    text: str | None = None

    @property
    def data(self) -> Data:
        """The value without places, in containers of its own."""
        if isinstance(self.value, dict):
            return {key: entry.data for key, entry in self.value.items()}
        if isinstance(self.value, list):
            return [entry.data for entry in self.value]
        return self.value

    def child(self, part: str | int) -> Entry | None:
        """What a key or an index leads to; None if it leads nowhere."""
        if isinstance(self.value, dict):
            return self.value.get(part)  # type: ignore[arg-type]
        if isinstance(self.value, list) and isinstance(part, int):
            return self.value[part] if 0 <= part < len(self.value) else None
        return None

    def lineage(self, path: KeyPath) -> list[Entry]:
        """The entries on the way to a path, as far as there are any; without this one."""
        found: list[Entry] = []
        for part in path:
            entry = (found[-1] if found else self).child(part)
            if entry is None:
                break
            found.append(entry)
        return found

    def without(self, key: str) -> Entry:
        """The map less one of its keys."""
        if not isinstance(self.value, dict):
            return self
        return self._replace(value={name: at for name, at in self.value.items() if name != key})


def overlay(base: Entry, top: Entry) -> Entry:
    """One over the other: maps merge, lists and scalars replace, null removes a key."""
    if not isinstance(base.value, dict) or not isinstance(top.value, dict):
        return top
    merged = dict(base.value)
    for key, entry in top.value.items():
        below = merged.get(key)
        if below is not None and entry.value is None:
            del merged[key]
        else:
            merged[key] = entry if below is None else overlay(below, entry)
    return top._replace(value=merged)


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
