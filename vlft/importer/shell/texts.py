"""What words and variables of a script hold: texts, known or not."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Final

_LIST: Final = re.compile(r"\$@|\$\{@|\[@\]\}")
MAX_VALUE: Final = 1 << 16
"""Characters that a variable may hold: values that hold each other double with every line."""


@dataclass(frozen=True, slots=True)
class Text:
    """One expanded text.

    Attributes:
        text: What it is; what is written there, if it is unknown.
        why: Why it can't be known without running the shell; None if it is known.
        notes: What there is to say of how it came about.
    """

    text: str
    why: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Field:
    """One word of a command after expansion.

    Attributes:
        value: Its text.
        offset: Where its word begins.
        raw: The word as it is written.
        quoted: Whether any of it stands in quotes.
    """

    value: Text
    offset: int
    raw: str
    quoted: bool

    @property
    def is_one(self) -> bool:
        """Whether it is one word, whatever a variable in it holds: `"${A[@]}"` is several."""
        return self.quoted and _LIST.search(self.raw) is None


@dataclass
class Variables:
    """What the script has set so far.

    Attributes:
        values: Name → one text, or the items of an array.
        arrays: Names that are arrays.
        keys: Name of an array with keys → the keys, in the order of its items.
        own: Names that the current command sets for itself alone.
        positional: What `$1` and on hold in a function that is called, and what the script is
            called with where that is known; else None.
        script: The script's own file, as `$0` has it; None if it has none.
        folder: What `cd` has changed to; None if nothing has.
        sources: Files that the script has read with `source`.
        work: Characters that expansions have given.
    """

    values: dict[str, tuple[Text, ...]] = field(default_factory=dict)
    arrays: set[str] = field(default_factory=set)
    keys: dict[str, tuple[str, ...]] = field(default_factory=dict)
    own: dict[str, Text] = field(default_factory=dict)
    positional: tuple[Text, ...] | None = None
    script: str | None = None
    folder: Text | None = None
    sources: list[str] = field(default_factory=list)
    work: int = 0

    def set(self, name: str, items: tuple[Text, ...], *, array: bool = False) -> None:
        """Sets a variable; a value beyond the limit is an unknown one."""
        if sum(len(item.text) for item in items) > MAX_VALUE:
            items = (Text(f"${name}", f"`{name}` holds more than {MAX_VALUE:,} characters"),)
        self.values[name] = items
        (self.arrays.add if array else self.arrays.discard)(name)


def pieces(text: str, ifs: str | None) -> list[str]:
    """A text at its blanks, or at the characters of IFS."""
    if ifs is None or not ifs.strip(" \t\n"):
        return text.split() if ifs != "" else [text]
    marks = "".join(char for char in ifs if not char.isspace())
    blanks = "".join(char for char in ifs if char.isspace())
    found = re.split(f"[{re.escape(marks)}{re.escape(blanks)}]", text.strip(blanks))
    return found[:-1] if found[-1] == "" else found


HOLE: Final = "\0"
"""Stands in a text for what may be there, and may not; no script holds the character."""


def filled(value: Text) -> Text:
    """A text as it is told: its holes as an ellipsis."""
    return replace(value, text=value.text.replace(HOLE, "…")) if HOLE in value.text else value


def glued(first: Text, second: Text) -> Text:
    """Both as one; unknown if one of them is."""
    return Text(first.text + second.text, first.why or second.why, (*first.notes, *second.notes))
