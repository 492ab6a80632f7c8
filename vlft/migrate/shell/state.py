"""What a script has set so far: variables, exports, the folder it works in."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from vlft.migrate.places import shown
from vlft.migrate.shell.branches import Branches
from vlft.migrate.shell.expand import expand, expand_one
from vlft.migrate.shell.invocation import Variable
from vlft.migrate.shell.texts import Field, Text, Variables, glued

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vlft.migrate.shell.syntax import Assignment, Statement

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class State:
    """Changed by a script's statements, and read for its commands."""

    def __init__(self) -> None:
        self.variables = Variables()
        self.branches = Branches(self.variables)
        self.exported: dict[str, int] = {}
        self.alone: dict[str, int] = {}
        self.folder: Text | None = None

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

    def builtin(self, name: str, fields: list[Field]) -> bool:
        """Minds a command that changes what later ones see."""
        words = [one.value.text for one in fields[1:]]
        if name == "cd" and words:
            self.folder = fields[1].value
        elif name in ("source", ".") and words:
            self.variables.sources.append(words[0])
        elif name == "unset":
            for word in words:
                self.variables.values.pop(word, None)
                self.exported.pop(word, None)
        elif name == "shift" and self.variables.positional is not None:
            self.variables.positional = self.variables.positional[1:]
        elif name in ("read", "mapfile", "readarray"):
            self.branches.doubt(
                (word for word in words if _NAME.fullmatch(word)), f"`{name}` sets it"
            )
        elif name not in (":", "set", "shopt", "trap", "exit", "return", "shift", "true", "false"):
            return False
        return True

    def declare(self, statement: Statement, command: str) -> None:
        """Minds `export`, `local` and the like."""
        words = [word.bare or "" for word in statement.words[1:]]
        exports = command == "export" or any(word.startswith("-") and "x" in word for word in words)
        names = [word for word in words if _NAME.fullmatch(word)]
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
        elif len(assignment.words) == 1 and name in self.variables.arrays and not assignment.append:
            self.branches.doubt((name,), "one item of it is set by itself")
        else:
            items = tuple(
                one.value for word in assignment.words for one in expand(word, self.variables)
            )
            if assignment.append:
                items = (*values.get(name, ()), *items)
            self.variables.set(name, items, array=True)

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
