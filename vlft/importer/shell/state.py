"""What a script has set so far: texts, known or not, in variables."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from msgspec.structs import replace

from vlft.importer.spans import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

_LIST: Final = re.compile(r"\$@|\$\{@|\[@\]\}")
MAX_VALUE: Final = 1 << 16
"""Characters that a variable may hold: values that hold each other double with every line."""

HOLE: Final = "\ufdd0"
"""Stands in a text for what may be there, and may not; Unicode keeps it out of any text."""


class Text(Struct, frozen=True):
    """One expanded text.

    Attributes:
        text: What it is; what is written there, if it is unknown.
        why: Why it can't be known without running the shell; None if it is known.
        notes: What there is to say of how it came about.
    """

    text: str
    why: str | None = None
    notes: tuple[str, ...] = ()

    def filled(self) -> Text:
        """The same as it is shown: its holes as an ellipsis."""
        return replace(self, text=self.text.replace(HOLE, "…")) if HOLE in self.text else self


def join(texts: Sequence[Text], between: str = "") -> Text:
    """Several as one; unknown if one of them is."""
    if len(texts) == 1:
        return texts[0]
    why = next((one.why for one in texts if one.why is not None), None)
    notes = tuple(note for one in texts for note in one.notes)
    return Text(between.join(one.text for one in texts), why, notes)


class Field(Struct, frozen=True):
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


class Variable(Struct, frozen=True):
    """A variable in a command's environment.

    Attributes:
        value: Its text.
        offset: Where it is set.
    """

    value: Text
    offset: int


Values = dict[str, tuple[Text, ...]]


@dataclass
class State:
    """Changed by a script's statements, and read for its commands.

    Attributes:
        values: Name → one text, or the items of an array.
        arrays: Names that are arrays.
        own: Names that the current command sets for itself alone.
        positional: What `$1` and on hold in a function that is called, and what the script is
            called with where that is known; else None.
        script: The script's own file, as `$0` has it; None if it has none.
        folder: What `cd` has changed to; None if nothing has.
        sources: Files that the script has read with `source`.
        exported: Name → where it is exported.
        alone: Name → where it is set in a line of its own.
        work: Characters that expansions have given.
        depth: Of the expansion that is being made.
    """

    values: Values = field(default_factory=dict)
    arrays: set[str] = field(default_factory=set)
    own: dict[str, Text] = field(default_factory=dict)
    positional: tuple[Text, ...] | None = None
    script: str | None = None
    folder: Text | None = None
    sources: list[str] = field(default_factory=list)
    exported: dict[str, int] = field(default_factory=dict)
    alone: dict[str, int] = field(default_factory=dict)
    work: int = 0
    depth: int = 0

    def set(self, name: str, *items: Text, array: bool = False) -> None:
        """Sets a variable; a value beyond the limit is an unknown one."""
        if sum(len(item.text) for item in items) > MAX_VALUE:
            items = (Text(f"${name}", f"`{name}` holds more than {MAX_VALUE:,} characters"),)
        self.values[name] = items
        (self.arrays.add if array else self.arrays.discard)(name)

    def value(self, name: str) -> Text | None:
        """A variable's text; None if it has none."""
        return next(iter(self.values.get(name, ())), None)

    def saved(self) -> Callable[[], None]:
        """Keeps everything as it is now; what is returned brings it back."""
        kept = {name: value for name, value in vars(self).items() if name != "work"}
        copies = {
            name: type(value)(value) if isinstance(value, (dict, set, list)) else value
            for name, value in kept.items()
        }
        return lambda: vars(self).update(copies)

    def covered(self, own: Mapping[str, Text], offset: int) -> Callable[[], None]:
        """Sets what stands before a call for as long as it lasts; what is returned ends that."""
        covered = {name: self.values.get(name) for name in own}
        exported = self.exported
        self.exported = exported | dict.fromkeys(own, offset)
        for name, value in own.items():
            self.set(name, value)

        def back() -> None:
            for name, before in covered.items():
                self.exported.pop(name, None)
                self.values.pop(name, None)
                if before is not None:
                    self.set(name, *before)
            self.exported = exported | self.exported

        return back

    def environment(self) -> dict[str, Variable]:
        """What a command gets from the script."""
        return {
            name: Variable(self.value(name) or Text(""), offset)
            for name, offset in self.exported.items()
            if name in self.values and name not in self.arrays
        }

    def aside(self, own: Mapping[str, Text]) -> dict[str, Variable]:
        """Variables that stand in a line of their own, and that a command never sees."""
        return {
            name: Variable(self.values[name][0], offset)
            for name, offset in self.alone.items()
            if name not in own and name not in self.exported and self.values.get(name)
        }

    def doubt(self, names: Iterable[str], why: str) -> None:
        """Makes variables unknown."""
        for name in sorted(names):
            value = self.value(name)
            if value is None or value.why is None or HOLE in value.text:
                self.set(name, Text(f"${name}", f"`{name}` can't be known: {why}"))

    def merge(self, before: Values, ends: Sequence[Values], why: str) -> None:
        """Goes on from branches of which one or none may have run.

        Args:
            before: The variables before them.
            ends: The variables at the end of each.
            why: What to say of a variable that one of them has set.
        """
        replaced: set[str] = set()
        added: dict[str, list[str]] = {}
        for end in ends:
            for name in end.keys() | before.keys():
                first, second = before.get(name), end.get(name)
                if first != second and _adds(first, second):
                    added.setdefault(name, []).append(_added(first or (), second or ()))
                elif first != second:
                    replaced.add(name)
        last = ends[-1] if ends else {}
        self.values = before | {name: last[name] for name in replaced if name in last}
        self.doubt(replaced, why)
        for name in sorted(added.keys() - replaced):
            more = " or ".join(dict.fromkeys(added[name]))
            self._open_end(name, before[name], more, why)

    def _open_end(self, name: str, known: tuple[Text, ...], more: str, why: str) -> None:
        why = f"`{name}` may hold {shown(more, 200)} as well: {why}"
        if name in self.arrays:
            self.set(name, *known, Text("…", why), array=True)
        else:
            text = f"{known[0].text} {HOLE}"
            why = f"{known[0].why}; {why}" if known[0].why else why
            self.set(name, Text(text, why, known[0].notes))


def _adds(before: tuple[Text, ...] | None, after: tuple[Text, ...] | None) -> bool:
    """Whether a value is an earlier one with further words behind it."""
    if not before or not after:
        return before == () and after is not None
    if len(before) > 1 or len(after) > 1:
        return len(after) > len(before) and after[: len(before)] == before
    first, second = before[0], after[0]
    known = all(one.why is None or HOLE in one.text for one in (first, second))
    more = second.text.removeprefix(first.text)
    return known and second.text.startswith(first.text + more) and more[:1].isspace()


def _added(before: tuple[Text, ...], after: tuple[Text, ...]) -> str:
    """What a value has more than it had."""
    if len(after) == 1 and len(before) == 1:
        return after[0].text.removeprefix(before[0].text).replace(HOLE, "…").strip()
    return " ".join(one.text for one in after[len(before) :])


def pieces(text: str, ifs: str | None) -> list[str]:
    """A text at its blanks, or at the characters of IFS."""
    if ifs is None or not ifs.strip(" \t\n"):
        return text.split() if ifs != "" else [text]
    marks = "".join(char for char in ifs if not char.isspace())
    blanks = "".join(char for char in ifs if char.isspace())
    found = re.split(f"[{re.escape(marks)}{re.escape(blanks)}]", text.strip(blanks))
    return found[:-1] if found[-1] == "" else found
