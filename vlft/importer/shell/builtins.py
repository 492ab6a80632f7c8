"""Commands of the shell itself that change what later ones see."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from vlft.importer.shell.conditions import run
from vlft.importer.shell.expansion import expand, expand_one, expand_text
from vlft.importer.shell.outputs import formatted, moved
from vlft.importer.shell.state import State, Text, join, pieces
from vlft.importer.shell.words import Word, read_word

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vlft.importer.shell.state import Field
    from vlft.importer.shell.syntax import Assignment, Command

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PAIR: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.DOTALL)
_ITEM: Final = re.compile(r"\[((?:\"[^\"]*\"|'[^']*'|[^\]\"'])*)\]=", re.DOTALL)
_SILENT: Final = frozenset({
    ":", "set", "shopt", "break", "continue", "trap", "exit", "return", "shift", "true", "false",
})  # fmt: skip
"""Commands that change nothing that is minded here."""


def assign(one: Assignment, state: State) -> None:
    """Minds `NAME=value`, `NAME+=value` and `NAME=(items)`."""
    name, before = one.name, state.values.get(one.name, ())
    keyed = one.array and all(_ITEM.match(word.raw) for word in one.words) and one.words
    if not one.array:
        value = expand_one(one.words[0], state)
        if one.append and before:
            value = join([before[0], value])
        state.set(name, value)
    elif (name in state.keys) if one.index is not None else keyed:
        _assign_keyed(one, state)
    elif one.index is not None:
        place = one.index
        if not place.isdecimal() or int(place[:5]) > len(before) or one.append:
            state.doubt((name,), "one item of it is set by itself")
            return
        value = expand_one(one.words[0], state)
        state.set(name, *before[: int(place)], value, *before[int(place) + 1 :], array=True)
    else:
        items = [field.value for word in one.words for field in expand(word, state)]
        state.set(name, *(before if one.append else ()), *items, array=True)


def _assign_keyed(one: Assignment, state: State) -> None:
    """`declare -A M=([a]=x)` and `M[b]=y`."""
    name = one.name
    adds = one.index is not None or one.append
    known = zip(state.keys.get(name, ()), state.values.get(name, ()), strict=False)
    items = dict(known) if adds else {}
    if one.index is not None:
        pairs: list[tuple[str, Word]] = [(one.index, one.words[0])]
    else:
        found = [(word, _ITEM.match(word.raw)) for word in one.words]
        pairs = [
            (item[1], read_word(word.raw[item.end() :], word.offset))
            for word, item in found
            if item
        ]
    for raw, word in pairs:
        key = expand_text(raw, state)
        if key.why is not None:
            state.doubt((name,), key.why)
            return
        items[key.text] = expand_one(word, state)
    state.set(name, *items.values(), array=True)
    state.keys[name] = tuple(items)


def declare(command: Command, state: State) -> None:
    """Minds `export`, `local` and the like."""
    words = command.words
    options = [word.bare or "" for word in words[1:] if (word.bare or "").startswith("-")]
    names = [word.bare or "" for word in words[1:] if _NAME.fullmatch(word.bare or "")]
    if any("A" in option for option in options):
        for name in [*names, *(one.name for one in command.assignments)]:
            state.keys.setdefault(name, ())
    for one in command.assignments:
        assign(one, state)
        names.append(one.name)
    for word in words[1:]:
        pair = _PAIR.fullmatch(expand_one(word, state).text) if "=" in word.raw else None
        if pair is not None:
            value = expand_one(word, state)
            state.set(pair[1], Text(pair[2], value.why, value.notes))
            names.append(pair[1])
    exports = words[0].bare == "export" or any("x" in option for option in options)
    if exports and "-n" not in options:
        state.exported |= dict.fromkeys(names, command.offset)


def run_builtin(fields: Sequence[Field], command: Command, state: State) -> bool:
    """Minds a command that changes what later ones see; False if it is none.

    Args:
        fields: Its words.
        command: The command.
        state: What the script has set.
    """
    name, *words = [one.value.text for one in fields]
    if name == "cd" and words:
        state.folder = moved(state.folder, fields[1].value)
    elif name == "set" and words[:1] == ["--"]:
        state.positional = tuple(one.value for one in fields[2:])
    elif name in ("source", ".") and words:
        state.sources.append(words[0])
    elif name == "unset":
        for word in words:
            state.values.pop(word, None)
            state.exported.pop(word, None)
    elif name == "shift" and state.positional is not None:
        count = int(words[0]) if words and words[0].isdecimal() else 1
        state.positional = state.positional[count:]
    else:
        return _fills(fields, command, state) or name in _SILENT
    return True


def _fills(fields: Sequence[Field], command: Command, state: State) -> bool:
    """Minds a command that sets variables which it names."""
    name, *words = [one.value.text for one in fields]
    if name in ("read", "mapfile", "readarray"):
        if name != "read" or not _reads(words, command, state):
            state.doubt((one for one in words if _NAME.fullmatch(one)), f"`{name}` sets it")
    elif name == "printf" and words[:1] == ["-v"] and len(words) > 1:
        known = all(one.value.why is None for one in fields)
        made = formatted(words[2:]) if known else None
        state.doubt(words[1:2], "`printf` sets it")
        if made is not None:
            state.set(words[1], Text(made))
    elif name == "let":
        for word in words:
            run(word, state)
    else:
        return False
    return True


def _reads(words: list[str], command: Command, state: State) -> bool:
    """`IFS=, read -ra A <<< "$text"`; False if it is not understood."""
    if command.here is None:
        return False
    text = expand_one(command.here, state)
    before = next((one for one in command.assignments if one.name == "IFS"), None)
    ifs = state.value("IFS") if before is None else expand_one(before.words[0], state)
    options = [word for word in words if word.startswith("-")]
    names = [word for word in words if _NAME.fullmatch(word)]
    unknown = text.why is not None or (ifs is not None and ifs.why is not None)
    if unknown or len(options) + len(names) != len(words) or not names:
        return False
    if any(option not in ("-r", "-a", "-ra", "-ar") for option in options):
        return False
    line = text.text.partition("\n")[0]
    found = [Text(one, None, text.notes) for one in pieces(line, None if ifs is None else ifs.text)]
    if any("a" in option for option in options):
        state.set(names[0], *found, array=True)
        return len(names) == 1
    if len(found) > len(names):
        return False  # the last one would take the rest, with what stands between
    for index, name in enumerate(names):
        state.set(name, found[index] if index < len(found) else Text(""))
    return True
