"""What a script has set so far: variables, exports, the folder it works in."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from vlft.importer.shell.branches import Branches
from vlft.importer.shell.counting import run
from vlft.importer.shell.expand import expand, expand_one
from vlft.importer.shell.files import moved
from vlft.importer.shell.invocation import Variable
from vlft.importer.shell.keyed import assign_keyed, has_keys
from vlft.importer.shell.outputs import printed
from vlft.importer.shell.reading import read_from
from vlft.importer.shell.texts import Field, Text, Variables, glued
from vlft.importer.spans import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from vlft.importer.shell.syntax import Assignment, Statement

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SILENT: Final = frozenset({
    ":", "set", "shopt", "break", "continue", "trap", "exit", "return", "shift", "true", "false",
})  # fmt: skip
"""Commands of the shell that change nothing that is minded here."""


class State:
    """Changed by a script's statements, and read for its commands."""

    def __init__(self) -> None:
        self.variables = Variables()
        self.branches = Branches(self.variables)
        self.exported: dict[str, int] = {}
        self.alone: dict[str, int] = {}

    def saved(self) -> Callable[[], None]:
        """Keeps everything as it is now.

        Returns:
            What brings it back.
        """
        now = self.variables
        values, arrays, sources = dict(now.values), set(now.arrays), list(now.sources)
        keys = dict(now.keys)
        positional, folder = now.positional, now.folder
        exported, alone = dict(self.exported), dict(self.alone)

        def back() -> None:
            now.values, now.arrays, now.sources = values, arrays, sources
            now.positional, now.folder, now.keys = positional, folder, keys
            self.exported, self.alone = exported, alone

        return back

    def covered(self, own: Mapping[str, Text], offset: int) -> Callable[[], None]:
        """Sets what stands before a call for as long as it lasts.

        Returns:
            What takes it away.
        """
        variables, exported = self.variables, self.exported
        covered = {name: variables.values.get(name) for name in own}
        self.exported = exported | dict.fromkeys(own, offset)
        for name, value in own.items():
            variables.set(name, (value,))

        def back() -> None:
            for name, before in covered.items():
                self.exported.pop(name, None)
                variables.values.pop(name, None)
                if before is not None:
                    variables.set(name, before)
            self.exported = exported | self.exported

        return back

    def environment(self) -> dict[str, Variable]:
        """What a command gets from the script."""
        values = self.variables.values
        return {
            name: Variable(values[name][0] if values[name] else Text(""), offset)
            for name, offset in self.exported.items()
            if name in values and name not in self.variables.arrays
        }

    def aside(self, own: Mapping[str, Text]) -> dict[str, Variable]:
        """Variables that stand in a line of their own, and that a command never sees."""
        return {
            name: Variable(self.variables.values[name][0], offset)
            for name, offset in self.alone.items()
            if name not in own and name not in self.exported and self.variables.values.get(name)
        }

    def builtin(self, name: str, fields: list[Field], statement: Statement) -> bool:
        """Minds a command that changes what later ones see."""
        words = [one.value.text for one in fields[1:]]
        variables = self.variables
        if name == "cd" and words:
            variables.folder = moved(variables.folder, fields[1].value)
        elif name == "set" and words[:1] == ["--"]:
            variables.positional = tuple(one.value for one in fields[2:])
        elif name in ("source", ".") and words:
            variables.sources.append(words[0])
        elif name == "unset":
            for word in words:
                variables.values.pop(word, None)
                self.exported.pop(word, None)
        elif name == "shift" and variables.positional is not None:
            count = int(words[0]) if words and words[0].isdecimal() else 1
            variables.positional = variables.positional[count:]
        else:
            return self._fills(name, fields, statement) or name in _SILENT
        return True

    def _fills(self, name: str, fields: list[Field], statement: Statement) -> bool:
        """Minds a command that sets variables which it names."""
        words = [one.value.text for one in fields[1:]]
        if name in ("read", "mapfile", "readarray"):
            self._read(name, words, statement)
        elif name == "printf" and words[:1] == ["-v"]:
            self._print(fields[2:])
        elif name == "let":
            for word in words:
                run(word, self.variables)
        else:
            return False
        return True

    def _print(self, fields: list[Field]) -> None:
        """`printf -v NAME format word`."""
        words = [one.value.text for one in fields]
        known = words and all(one.value.why is None for one in fields)
        made = printed("printf", words[1:]) if known else None
        if made is not None:
            self.variables.set(words[0], (Text(made),))
        else:
            self.branches.doubt((word for word in words[:1]), "`printf` sets it")

    def _read(self, name: str, words: list[str], statement: Statement) -> None:
        if name != "read" or not self._reads(words, statement):
            names = (word for word in words if _NAME.fullmatch(word))
            self.branches.doubt(names, f"`{name}` sets it")

    def _reads(self, words: list[str], statement: Statement) -> bool:
        """`IFS=, read -ra A <<< "$text"`."""
        if statement.here is None:
            return False
        text = expand_one(statement.here, self.variables)
        own = {one.name: self.value_of(one) for one in statement.assignments}
        set_before = self.variables.values.get("IFS")
        ifs = own.get("IFS") or (set_before[0] if set_before else None)
        return read_from(words, text, ifs, self.variables)

    def declare(self, statement: Statement, command: str) -> None:
        """Minds `export`, `local` and the like."""
        words = [word.bare or "" for word in statement.words[1:]]
        exports = command == "export" or any(word.startswith("-") and "x" in word for word in words)
        names = [word for word in words if _NAME.fullmatch(word)]
        if any(word.startswith("-") and "A" in word for word in words):
            for name in [*names, *(one.name for one in statement.assignments)]:
                self.variables.keys.setdefault(name, ())
        for assignment in statement.assignments:
            self.assign(assignment)
            names.append(assignment.name)
        if exports and "-n" not in words:
            self.exported |= dict.fromkeys(names, statement.offset)

    def assign(self, assignment: Assignment) -> None:
        """Minds `NAME=value`, `NAME+=value` and `NAME=(items)`."""
        name, values = assignment.name, self.variables.values
        if not assignment.array:
            value = self.value_of(assignment)
            if assignment.append and values.get(name):
                value = glued(values[name][0], value)
            self.variables.set(name, (value,))
        elif has_keys(assignment, self.variables):
            why = assign_keyed(assignment, self.variables)
            if why is not None:
                self.branches.doubt((name,), why)
        elif assignment.index is not None:
            self._assign_item(assignment)
        else:
            items = tuple(
                one.value for word in assignment.words for one in expand(word, self.variables)
            )
            if assignment.append:
                items = (*values.get(name, ()), *items)
            self.variables.set(name, items, array=True)

    def _assign_item(self, assignment: Assignment) -> None:
        """`NAME[2]=value`, where the place is known and no gap is left."""
        items = self.variables.values.get(assignment.name, ())
        index = assignment.index or ""
        if not index.isdecimal() or int(index[:5]) > len(items) or assignment.append:
            self.branches.doubt((assignment.name,), "one item of it is set by itself")
            return
        place = int(index)
        made = (*items[:place], self.value_of(assignment), *items[place + 1 :])
        self.variables.set(assignment.name, made, array=True)

    def value_of(self, assignment: Assignment) -> Text:
        """The text that is assigned."""
        return expand_one(assignment.words[0], self.variables)

    def loop(self, statement: Statement) -> None:
        """A loop's variable, which is another in each pass."""
        name = statement.loop or ""
        items = " ".join(word.raw for word in statement.words)
        why = f"`{name}` changes from pass to pass of a loop"
        if items:
            why += f": {shown(items)}"
        self.variables.set(name, (Text(f"${name}", why),))
