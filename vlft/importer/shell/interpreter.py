"""Follows a script from statement to statement."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from vlft.importer.shell.blocks import block_at
from vlft.importer.shell.brackets import BrokenShellError
from vlft.importer.shell.building import MAX_STATEMENTS
from vlft.importer.shell.control import Control
from vlft.importer.shell.counting import run
from vlft.importer.shell.expand import expand
from vlft.importer.shell.functions import body_at
from vlft.importer.shell.invocation import Invocation, Variable
from vlft.importer.shell.leaving import LEAVES, Leave, fails, left_by
from vlft.importer.shell.nested import inner_script, with_reason
from vlft.importer.shell.starting import starts, unused_commands
from vlft.importer.shell.statements import Reader
from vlft.importer.shell.texts import filled
from vlft.importer.shell.verdicts import TESTS, UNKNOWN, judged

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vlft.importer.shell.state import State
    from vlft.importer.shell.syntax import Block, Case, Statement
    from vlft.importer.shell.texts import Field, Text

_DECLARE: Final = frozenset({"export", "declare", "local", "typeset", "readonly"})
_MAX_NESTED: Final = 3


class Interpreter:
    """Follows statements, and collects the commands that they would start.

    Args:
        state: What the script has set.
        functions: Bodies of the functions that are called.
        cases: Heads of `case`, by offset.
    """

    def __init__(
        self,
        state: State,
        functions: Mapping[str, Sequence[Statement]],
        cases: Mapping[int, Case],
    ) -> None:
        self.state = state
        self.functions = functions
        self.invocations: list[Invocation] = []
        self.unused: list[tuple[Invocation, str]] = []
        self.notes: list[tuple[int, str]] = []
        self.calls = 0
        self.verdict = UNKNOWN
        self.passes: list[tuple[str, str]] = []
        self.assumed = 0
        self._control = Control(self, cases)
        self._last: Invocation | None = None
        self._tested = False

    def follow(
        self, statements: Sequence[Statement], depth: int = 0, passed: Sequence[Block] = ()
    ) -> None:
        """Minds statements one after another; control flow that is known as the shell does.

        Args:
            statements: The statements.
            depth: Of scripts and functions inside each other.
            passed: Blocks around all of them.

        Raises:
            Leave: If one of them ends it for certain.
        """
        at = 0
        declined = {block.offset for block in passed}
        while at < len(statements):
            size = 1
            try:
                found = block_at(statements, at, declined)
                while found is not None:
                    size = len(found.statements)
                    if self._control.followed(found, depth):
                        self.forget()
                        break
                    declined.add(found.block.offset)
                    found = block_at(statements, at, declined)
                else:
                    size = 1
                    self.take(statements[at], depth)
            except Leave as leave:
                if leave.how == "exit":
                    self.leave_out(statements[at + size :], "the script ends before it")
                raise
            at += size

    def inside(self, statements: Sequence[Statement], depth: int, passed: Sequence[Block]) -> None:
        """Follows the statements of a block, of which `passed` are left around them."""
        self.calls += len(statements)
        self.forget()
        self.follow(statements, depth, passed)

    def forget(self) -> None:
        """Begins anew: what follows belongs to no command before it."""
        self._last = None
        self._tested = False

    def leave_out(self, statements: Sequence[Statement], why: str) -> None:
        """Keeps the commands that are never come to."""
        made = unused_commands(statements, self.functions, self.state.variables)
        self.unused += [(one, why) for one in made]

    def take(self, statement: Statement, depth: int = 0) -> None:
        """Minds one statement."""
        if self.state.branches.enter(statement.blocks):
            self._last = None
        before = self.verdict if statement.joined in ("&&", "||") else UNKNOWN
        decided = before.holds
        if decided is not None and decided != (statement.joined == "&&"):
            if not (before.assumed and starts(statement, self.functions)):
                self.leave_out([statement], "the test before it decides so")
                return
            decided = None
        sure = statement.joined not in ("&&", "||") or decided is not None
        verdict = judged(statement, self.state.variables) if sure else UNKNOWN
        self.notes += [(statement.offset, note) for note in verdict.notes]
        self.verdict = verdict.after(before) if sure else UNKNOWN
        doubted = statement.joined and self._tested and decided is None
        values = dict(self.state.variables.values) if doubted else None
        if statement.loop is not None:
            self.state.loop(statement)
            self._last = None
        else:
            self.assumed += before.assumed
            try:
                self._simple(statement, depth, sure=sure)
            finally:
                self.assumed -= before.assumed
        if before.assumed and sure and fails(statement, self.functions):
            self._control.require(before)
        if values is not None:
            why = "whether it is set depends on the test before it"
            self.state.branches.doubt_since(values, why)
        words = statement.words
        tests = bool(words) and words[0].bare in TESTS
        self._tested = tests or (bool(statement.joined) and self._tested)

    def _simple(self, statement: Statement, depth: int, *, sure: bool = True) -> None:
        if self._only_sets(statement):
            self._last = None
            return
        own = {one.name: self.state.value_of(one) for one in statement.assignments if not one.array}
        self.state.variables.own = own
        fields = [one for word in statement.words for one in expand(word, self.state.variables)]
        self.state.variables.own = {}
        if not fields:
            return
        first = fields[0].value.text
        if first.startswith("--") and self._last is not None and not statement.joined:
            self._last.take_in(statement, fields)
            return
        if first in LEAVES:
            words = [one.value.text for one in fields]
            left_by(statement, words, sure=sure, assumed=self.assumed > 0)
        if first in self.functions and depth < _MAX_NESTED:
            self._call(statement, fields, own, depth)
            return
        if self.state.builtin(first, fields, statement) or (
            depth < _MAX_NESTED and self._nested(statement, fields, own, depth)
        ):
            self._last = None
            return
        invocation = Invocation(
            statement.offset,
            [replace(one, value=filled(one.value)) for one in fields],
            self.state.environment()
            | {name: Variable(text, statement.offset) for name, text in own.items()},
            tuple(block for block in statement.blocks if block.kind != "group" and block.arm),
            list(statement.cuts),
            folder=self.state.variables.folder,
            aside=self.state.aside(own),
            glued=list(statement.glued),
            passes=tuple(self.passes),
        )
        self.invocations.append(invocation)
        self._last = invocation

    def _only_sets(self, statement: Statement) -> bool:
        """Minds a statement that sets variables, and starts nothing."""
        for assignment in () if statement.words else statement.assignments:
            self.state.assign(assignment)
            self.state.alone[assignment.name] = statement.offset
        name = statement.words[0].bare if statement.words else ""
        if name == "((":
            run(statement.words[1].parts[0].text, self.state.variables)
        elif name in _DECLARE:
            self.state.declare(statement, name or "")
        return name in ("", "((", "[[") or name in _DECLARE

    def _call(self, call: Statement, fields: list[Field], own: dict[str, Text], depth: int) -> None:
        """Minds the body of a function, with the words of this call."""
        variables = self.state.variables
        positional = variables.positional
        back = self.state.covered(own, call.offset)
        variables.positional = tuple(one.value for one in fields[1:])
        body = list(body_at(self.functions[fields[0].value.text], call))
        self.calls += len(body)
        try:
            if self.calls <= MAX_STATEMENTS:
                self.follow(body, depth + 1, call.blocks)
        except Leave as leave:
            if leave.how != "return":
                raise
        finally:
            self.state.branches.enter(call.blocks)
            back()
            variables.positional = positional
            self._last = None

    def _nested(
        self, statement: Statement, fields: list[Field], own: Mapping[str, Text], depth: int
    ) -> bool:
        """`eval …` and `bash -c …`: their text is a script."""
        script = inner_script([one.value.text for one in fields])
        if script is None:
            return False
        reader = Reader(script)
        try:
            reader.read()
        except BrokenShellError:
            return False
        back = self.state.covered(own, statement.offset)
        for one in reader.made.statements:
            moved = replace(one, offset=fields[0].offset, blocks=(), cuts=[], glued=[])
            before = len(self.invocations)
            if moved.loop is None and not (moved.words and moved.words[0].bare in LEAVES):
                self._simple(moved, depth + 1)
            for invocation in self.invocations[before:]:
                invocation.offset = fields[0].offset
                invocation.blocks = tuple(
                    block for block in statement.blocks if block.kind != "group" and block.arm
                )
                invocation.fields = [
                    replace(with_reason(found, fields), offset=fields[0].offset)
                    for found in invocation.fields
                ]
        back()
        return True
