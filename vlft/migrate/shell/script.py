"""A whole script → the commands it would start, each with its environment."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from vlft.migrate.places import shown
from vlft.migrate.shell.brackets import BrokenShellError
from vlft.migrate.shell.branches import Branches
from vlft.migrate.shell.building import MAX_STATEMENTS
from vlft.migrate.shell.expand import expand, expand_one
from vlft.migrate.shell.functions import body_at, part_functions
from vlft.migrate.shell.invocation import Invocation, Script, Variable
from vlft.migrate.shell.nested import inner_script
from vlft.migrate.shell.statements import Reader
from vlft.migrate.shell.texts import Field, Text, Variables, glued

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vlft.migrate.shell.syntax import Assignment, Statement

_DECLARE: Final = frozenset({"export", "declare", "local", "typeset", "readonly"})
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PAIR: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.DOTALL)
_MAX_NESTED: Final = 3


def read_script(text: str) -> Script:
    """The commands of a script; nothing of it is run."""
    reader = Reader(text)
    broken: tuple[str, int] | None = None
    try:
        reader.read()
    except BrokenShellError as error:
        broken = (error.message, error.offset)
    plain, bodies = part_functions(reader.made.statements, reader.made.functions)
    interpreter = _Interpreter(bodies)
    for statement in plain:
        interpreter.take(statement)
    return Script(tuple(interpreter.invocations), broken, tuple(reader.heredocs))


class _Interpreter:
    """Follows a script from statement to statement."""

    def __init__(self, functions: Mapping[str, Sequence[Statement]]) -> None:
        self._functions = functions
        self._calls = 0
        self.invocations: list[Invocation] = []
        self._variables = Variables()
        self._exported: dict[str, int] = {}
        self._alone: dict[str, int] = {}
        self._branches = Branches(self._variables)
        self._folder: Text | None = None
        self._last: Invocation | None = None
        self._tested = False

    def take(self, statement: Statement, depth: int = 0) -> None:
        """Minds one statement."""
        if self._branches.enter(statement.blocks):
            self._last = None
        before = dict(self._variables.values) if statement.joined and self._tested else None
        if statement.loop is not None:
            self._loop(statement)
        else:
            self._simple(statement, depth)
        if before is not None:
            self._branches.doubt(
                self._branches.changed(before), "whether it is set depends on the test before it"
            )
        words = statement.words
        tests = bool(words) and words[0].bare in ("[", "[[", "test")
        self._tested = tests or (bool(statement.joined) and self._tested)

    def _simple(self, statement: Statement, depth: int) -> None:
        if not statement.words:
            for assignment in statement.assignments:
                self._assign(assignment)
                self._alone[assignment.name] = statement.offset
            self._last = None
            return
        name = statement.words[0].bare
        if name in _DECLARE:
            self._declare(statement, name or "")
            self._last = None
            return
        own = {one.name: self._value_of(one) for one in statement.assignments if not one.array}
        self._variables.own = own
        fields = [one for word in statement.words for one in expand(word, self._variables)]
        self._variables.own = {}
        if not fields:
            return
        first = fields[0].value.text
        if first.startswith("--") and self._last is not None and not statement.joined:
            self._last.fields += fields
            self._last.mended.append(statement.offset)
            self._last.cuts += statement.cuts
            self._last.glued += statement.glued
            return
        if first in self._functions and depth < _MAX_NESTED:
            self._call(statement, fields, own, depth)
            return
        if self._builtin(first, fields) or (depth < _MAX_NESTED and self._nested(fields, depth)):
            self._last = None
            return
        invocation = Invocation(
            statement.offset,
            fields,
            self._environment()
            | {name: Variable(text, statement.offset) for name, text in own.items()},
            tuple(block for block in statement.blocks if block.kind != "group" and block.arm),
            statement.cuts,
            folder=self._folder,
            aside=self._aside(own),
            glued=statement.glued,
        )
        self.invocations.append(invocation)
        self._last = invocation

    def _call(self, call: Statement, fields: list[Field], own: dict[str, Text], depth: int) -> None:
        """Minds the body of a function, with the words of this call."""
        variables, exported = self._variables, self._exported
        positional = variables.positional
        covered = {name: variables.values.get(name) for name in own}
        variables.positional = tuple(one.value for one in fields[1:])
        self._exported = exported | dict.fromkeys(own, call.offset)
        for name, value in own.items():
            variables.set(name, (value,))
        for statement in body_at(self._functions[fields[0].value.text], call):
            self._calls += 1
            if self._calls > MAX_STATEMENTS:
                break
            self.take(statement, depth + 1)
        self._branches.enter(call.blocks)
        for name, before in covered.items():
            self._exported.pop(name, None)
            variables.values.pop(name, None)
            if before is not None:
                variables.set(name, before)
        self._exported = exported | self._exported
        variables.positional = positional
        self._last = None

    def _environment(self) -> dict[str, Variable]:
        values = self._variables.values
        return {
            name: Variable(values[name][0] if values[name] else Text(""), offset)
            for name, offset in self._exported.items()
            if name in values and name not in self._variables.arrays
        }

    def _aside(self, own: Mapping[str, Text]) -> dict[str, Variable]:
        return {
            name: Variable(self._variables.values[name][0], offset)
            for name, offset in self._alone.items()
            if name not in own and name not in self._exported and self._variables.values.get(name)
        }

    def _builtin(self, name: str, fields: list[Field]) -> bool:
        """Minds a command that changes what later ones see."""
        words = [one.value.text for one in fields[1:]]
        if name == "cd" and words:
            self._folder = fields[1].value
        elif name in ("source", ".") and words:
            self._variables.sources.append(words[0])
        elif name == "unset":
            for word in words:
                self._variables.values.pop(word, None)
                self._exported.pop(word, None)
        elif name == "shift" and self._variables.positional is not None:
            self._variables.positional = self._variables.positional[1:]
        elif name in ("read", "mapfile", "readarray"):
            self._branches.doubt(
                (word for word in words if _NAME.fullmatch(word)), f"`{name}` sets it"
            )
        elif name not in (":", "set", "shopt", "trap", "exit", "return", "shift", "true", "false"):
            return False
        return True

    def _nested(self, fields: list[Field], depth: int) -> bool:
        """`eval …` and `bash -c …`: their text is a script."""
        texts = [one.value for one in fields]
        script = inner_script([text.text for text in texts])
        if script is None:
            return False
        reader = Reader(script)
        try:
            reader.read()
        except BrokenShellError:
            return False
        for statement in reader.made.statements:
            moved = replace(statement, offset=fields[0].offset, blocks=(), cuts=[], glued=[])
            before = len(self.invocations)
            self._simple(moved, depth + 1) if moved.loop is None else None
            for invocation in self.invocations[before:]:
                invocation.offset = fields[0].offset
                invocation.fields = [
                    Field(one.value, fields[0].offset, one.raw, one.quoted)
                    for one in invocation.fields
                ]
        return True

    def _declare(self, statement: Statement, command: str) -> None:
        words = [word.bare or "" for word in statement.words[1:]]
        exports = command == "export" or any(word.startswith("-") and "x" in word for word in words)
        names = [word for word in words if _NAME.fullmatch(word)]
        for assignment in statement.assignments:
            self._assign(assignment)
            names.append(assignment.name)
        if exports and "-n" not in words:
            self._exported |= dict.fromkeys(names, statement.offset)

    def _assign(self, assignment: Assignment) -> None:
        name, values = assignment.name, self._variables.values
        if not assignment.array:
            value = self._value_of(assignment)
            if assignment.append and values.get(name):
                value = glued(values[name][0], value)
            self._variables.set(name, (value,))
        elif (
            len(assignment.words) == 1 and name in self._variables.arrays and not assignment.append
        ):
            self._branches.doubt((name,), "one item of it is set by itself")
        else:
            items = tuple(
                one.value for word in assignment.words for one in expand(word, self._variables)
            )
            if assignment.append:
                items = (*values.get(name, ()), *items)
            self._variables.set(name, items, array=True)

    def _value_of(self, assignment: Assignment) -> Text:
        return expand_one(assignment.words[0], self._variables)

    def _loop(self, statement: Statement) -> None:
        name = statement.loop or ""
        items = " ".join(word.raw for word in statement.words)
        why = f"`{name}` changes from pass to pass of a loop"
        if items:
            why += f": {shown(items)}"
        self._variables.set(name, (Text(f"${name}", why),))
        self._last = None
