"""A whole script → the commands it would start, each with its environment."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from vlft.migrate.shell.brackets import BrokenShellError
from vlft.migrate.shell.building import MAX_STATEMENTS
from vlft.migrate.shell.conditions import holds
from vlft.migrate.shell.expand import expand
from vlft.migrate.shell.functions import body_at, part_functions
from vlft.migrate.shell.invocation import Invocation, Script, Variable
from vlft.migrate.shell.loops import MAX_PASSES, quiet_body
from vlft.migrate.shell.nested import inner_script
from vlft.migrate.shell.state import State
from vlft.migrate.shell.statements import Reader
from vlft.migrate.shell.texts import Field, Text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vlft.migrate.shell.syntax import Statement

_DECLARE: Final = frozenset({"export", "declare", "local", "typeset", "readonly"})
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
    interpreter.follow(plain)
    notes = tuple(dict.fromkeys(interpreter.notes))
    return Script(tuple(interpreter.invocations), broken, tuple(reader.heredocs), notes)


class _Interpreter:
    """Follows a script from statement to statement."""

    def __init__(self, functions: Mapping[str, Sequence[Statement]]) -> None:
        self._functions = functions
        self._calls = 0
        self.invocations: list[Invocation] = []
        self._state = State()
        self._last: Invocation | None = None
        self._tested = False
        self._verdict: bool | None = None
        self.notes: list[tuple[int, str]] = []

    def follow(self, statements: Sequence[Statement], depth: int = 0) -> None:
        """Minds statements one after another, and loops that only set variables pass by pass."""
        at = 0
        while at < len(statements):
            statement = statements[at]
            body = quiet_body(statements, at) if statement.loop is not None else []
            at += 1
            items = self._items(statement) if body else []
            self._calls += len(body) * len(items)
            if not items or self._calls > MAX_STATEMENTS:
                self.take(statement, depth)
                continue
            at += len(body)
            for item in items:
                self._state.variables.set(statement.loop or "", (item,))
                for one in body:
                    self.take(one, depth)

    def _items(self, loop: Statement) -> list[Text]:
        """What a loop goes through; nothing if that is not known, or too much."""
        self._state.branches.enter(loop.blocks[:-1])
        items = [one.value for word in loop.words for one in expand(word, self._state.variables)]
        known = len(items) <= MAX_PASSES and all(one.why is None for one in items)
        return items if known else []

    def take(self, statement: Statement, depth: int = 0) -> None:
        """Minds one statement."""
        if self._state.branches.enter(statement.blocks):
            self._last = None
        decided = self._verdict if statement.joined in ("&&", "||") else None
        if decided is not None and decided != (statement.joined == "&&"):
            return
        self._verdict = self._judge(statement)
        doubted = statement.joined and self._tested and decided is None
        before = dict(self._state.variables.values) if doubted else None
        if statement.loop is not None:
            self._state.loop(statement)
            self._last = None
        else:
            self._simple(statement, depth)
        if before is not None:
            self._state.branches.doubt(
                self._state.branches.changed(before),
                "whether it is set depends on the test before it",
            )
        words = statement.words
        tests = bool(words) and words[0].bare in ("[", "[[", "test")
        self._tested = tests or (bool(statement.joined) and self._tested)

    def _judge(self, statement: Statement) -> bool | None:
        """Whether a statement succeeds, where that is known."""
        if not statement.words:
            parts = (part for one in statement.assignments for w in one.words for part in w.parts)
            return None if any(part.kind == "command" for part in parts) else not statement.negated
        if statement.words[0].bare not in ("[", "test") or statement.negated:
            return None
        fields = [one for word in statement.words for one in expand(word, self._state.variables)]
        if any(one.value.why is not None for one in fields):
            return None
        found = holds([one.value.text for one in fields])
        if found is not None:
            notes = (note for one in fields for note in one.value.notes)
            self.notes += [(statement.offset, note) for note in notes]
        return found

    def _simple(self, statement: Statement, depth: int) -> None:
        if not statement.words:
            for assignment in statement.assignments:
                self._state.assign(assignment)
                self._state.alone[assignment.name] = statement.offset
            self._last = None
            return
        name = statement.words[0].bare
        if name in _DECLARE:
            self._state.declare(statement, name or "")
            self._last = None
            return
        own = {
            one.name: self._state.value_of(one) for one in statement.assignments if not one.array
        }
        self._state.variables.own = own
        fields = [one for word in statement.words for one in expand(word, self._state.variables)]
        self._state.variables.own = {}
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
        if self._state.builtin(first, fields) or (
            depth < _MAX_NESTED and self._nested(fields, depth)
        ):
            self._last = None
            return
        invocation = Invocation(
            statement.offset,
            fields,
            self._state.environment()
            | {name: Variable(text, statement.offset) for name, text in own.items()},
            tuple(block for block in statement.blocks if block.kind != "group" and block.arm),
            statement.cuts,
            folder=self._state.folder,
            aside=self._state.aside(own),
            glued=statement.glued,
        )
        self.invocations.append(invocation)
        self._last = invocation

    def _call(self, call: Statement, fields: list[Field], own: dict[str, Text], depth: int) -> None:
        """Minds the body of a function, with the words of this call."""
        variables, exported = self._state.variables, self._state.exported
        positional = variables.positional
        covered = {name: variables.values.get(name) for name in own}
        variables.positional = tuple(one.value for one in fields[1:])
        self._state.exported = exported | dict.fromkeys(own, call.offset)
        for name, value in own.items():
            variables.set(name, (value,))
        body = list(body_at(self._functions[fields[0].value.text], call))
        self._calls += len(body)
        if self._calls <= MAX_STATEMENTS:
            self.follow(body, depth + 1)
        self._state.branches.enter(call.blocks)
        for name, before in covered.items():
            self._state.exported.pop(name, None)
            variables.values.pop(name, None)
            if before is not None:
                variables.set(name, before)
        self._state.exported = exported | self._state.exported
        variables.positional = positional
        self._last = None

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
