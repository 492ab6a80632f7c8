"""Follows a script from statement to statement, on the state that it has set so far."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Literal

from vlft.importer.shell.builtins import DECLARE, assign, declare, run_builtin
from vlft.importer.shell.commands import (
    BLOCKS,
    Invocation,
    fails,
    inner_commands,
    is_error,
    read_command,
    starts,
    statements,
    steps,
    survey,
)
from vlft.importer.shell.conditions import UNKNOWN, judge, run
from vlft.importer.shell.expand import expand, expand_one
from vlft.importer.shell.source import Source
from vlft.importer.shell.state import HOLE, Text, Variable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tree_sitter import Node

    from vlft.importer.shell.commands import Block, Command, Step
    from vlft.importer.shell.conditions import Verdict
    from vlft.importer.shell.state import Field, State

How = Literal["exit", "return", "break", "continue"]
LEAVES: Final = frozenset({"exit", "return", "break", "continue"})
_TESTS: Final = frozenset({"[", "[[", "test", "(("})
MAX_STEPS: Final = 10_000
"""Commands that loops and functions may come to together."""

_MAX_NESTED: Final = 3
_SHELLS: Final = frozenset({"bash", "sh", "zsh", "dash"})
_CARRIERS: Final = frozenset({"ssh", "tmux", "su", "screen", "watch"})


class Leave(Exception):  # noqa: N818 - it is no error
    """What is being followed ends here.

    Args:
        how: The command that ends it.
    """

    def __init__(self, how: How) -> None:
        super().__init__(how)
        self.how = how


class Interpreter(ABC):
    """Follows statements, and collects the commands that they would start.

    Args:
        source: The script.
        state: What it has set.
    """

    def __init__(self, source: Source, state: State) -> None:
        self.source = source
        self.state = state
        self.functions = survey(source)
        self.invocations: list[Invocation] = []
        self.unused: list[tuple[Invocation, str]] = []
        self.notes: list[tuple[int, str]] = []
        self.count = 0
        self.verdict = UNKNOWN
        self.passes: list[tuple[str, str]] = []
        self.blocks: list[Block] = []
        self.assumed = 0
        self._nested = 0
        self._last: Invocation | None = None
        self._tested = False

    @abstractmethod
    def block(self, step: Step) -> None:
        """Minds control flow, which is reached for certain."""

    @abstractmethod
    def undecided(self, step: Step, arms: Sequence[Sequence[Node]], kind: str = "") -> None:
        """Reads branches of which no one knows whether they run."""

    @abstractmethod
    def require(self, verdict: Verdict) -> None:
        """Asks for the variables without which the script stops."""

    def follow(self, nodes: Sequence[Node]) -> None:
        """Minds statements one after another; control flow that is known as the shell does.

        Raises:
            Leave: If one of them ends it for certain.
        """
        for index, node in enumerate(nodes):
            try:
                for step in steps(self.source, node):
                    self._step(step)
            except Leave as leave:
                if leave.how == "exit":
                    self.leave_out(nodes[index + 1 :], "the script ends before it")
                raise

    def forget(self) -> None:
        """Begins anew: what follows belongs to no command before it."""
        self._last = None
        self._tested = False
        self.verdict = UNKNOWN

    def starts(self, nodes: Sequence[Node]) -> bool:
        """Whether one of these may start what an import looks for."""
        return any(starts(self.source, one, self.functions) for one in nodes)

    def leave_out(self, nodes: Sequence[Node], why: str) -> None:
        """Keeps the commands that are never come to, as far as they can be told."""
        for node in nodes:
            for one in inner_commands(node):
                step = steps(self.source, one)[0]
                if starts(self.source, one, self.functions):
                    words = read_command(step).words
                    fields = [field for word in words for field in expand(word, self.state)]
                    if fields:
                        self.unused.append((Invocation(one.start_byte, fields, {}), why))

    def _step(self, step: Step) -> None:
        """Minds one command of a line, or one block."""
        self.count += 1
        before = self.verdict if step.is_chained else UNKNOWN
        decided = before.holds
        if decided is not None and decided != (step.joined == "&&"):
            if not (before.assumed and self.starts([step.node])):
                self.leave_out([step.node], "the test before it decides so")
                return
            decided = None
        sure = not step.is_chained or decided is not None
        if is_block(step):
            self._reached(step, before, sure=sure)
            return
        verdict = judge(step.source, step.node, self.state) if sure else UNKNOWN
        if step.negated and verdict.holds is not None:
            verdict = replace(verdict, holds=not verdict.holds)
        self.notes += [(step.offset, note) for note in verdict.notes]
        self.verdict = verdict.after(before) if sure else UNKNOWN
        doubted = bool(step.joined) and self._tested and decided is None
        values = dict(self.state.values) if doubted else None
        self.assumed += before.assumed
        try:
            name = self._simple(step, sure=sure)
        finally:
            self.assumed -= before.assumed
        if before.assumed and sure and fails_in(self, [step.node]):
            self.require(before)
        if values is not None:
            why = "whether it is set depends on the test before it"
            self.state.merge(values, [self.state.values], why)
        self._tested = name in _TESTS or (bool(step.joined) and self._tested)

    def _reached(self, step: Step, before: Verdict, *, sure: bool) -> None:
        """Minds a block that stands behind `&&` or `||`, or by itself."""
        if not sure:
            self.undecided(step, [[step.node]], "branch")
            return
        self.forget()
        self.assumed += before.assumed
        try:
            self.block(step)
        finally:
            self.assumed -= before.assumed
        self.forget()
        if before.assumed and fails_in(self, [step.node]):
            self.require(before)

    def _simple(self, step: Step, *, sure: bool) -> str:
        """Minds a simple command; returns its name."""
        node, state = step.node, self.state
        raw = step.source.raw(node)
        if step.source.is_open(node):
            return ""
        if node.type in ("test_command", "compound_statement"):
            self._last = None
            if raw.startswith("(("):
                run(raw[2:-2], state)
            return raw[:2] if raw[:2] in _TESTS else "["
        command = read_command(step)
        name = (command.words[0].bare or "") if command.words else ""
        if not command.words:
            for one in command.assignments:
                assign(one, state)
                state.alone[one.name] = node.start_byte
        if name in DECLARE:
            declare(command.words, command.assignments, node.start_byte, state)
        if not command.words or name in DECLARE:
            self._last = None
            return name
        own = {
            one.name: expand_one(one.words[0], state)
            for one in command.assignments
            if not one.array
        }
        state.own = own
        fields = [one for word in command.words for one in expand(word, state)]
        state.own = {}
        if fields:
            self._start(step, command, fields, own, sure=sure)
        return name

    def _start(
        self, step: Step, command: Command, fields: list[Field], own: dict[str, Text], *, sure: bool
    ) -> None:
        first, offset = fields[0].value.text, step.offset
        source = step.source
        cuts, glued = (
            [at for at in found if offset <= at <= step.node.end_byte]
            for found in (source.cuts, source.glued)
        )
        if first.startswith("--") and self._last is not None and not step.joined:
            self._last.fields += fields
            self._last.mended.append(offset)
            self._last.cuts += cuts
            self._last.glued += glued
            return
        if first in LEAVES:
            self._leave([one.value.text for one in fields], sure=sure)
        if first in self.functions and self._nested < _MAX_NESTED:
            self._call(first, fields, own, offset)
            return
        if run_builtin(fields, command.assignments, command.here, self.state) or (
            self._nested < _MAX_NESTED and self._inner(fields, own, offset)
        ):
            self._last = None
            return
        invocation = Invocation(
            offset,
            [replace(one, value=one.value.filled()) for one in fields],
            self.state.environment() | {name: Variable(text, offset) for name, text in own.items()},
            tuple(self.blocks),
            cuts,
            folder=self.state.folder,
            aside=self.state.aside(own),
            glued=glued,
            passes=tuple(self.passes),
        )
        self.invocations.append(invocation)
        self._last = invocation

    def _leave(self, words: list[str], *, sure: bool) -> None:
        """Ends what is being followed, if a command does so for certain.

        A script that ends with an error is one that was not called as it has to be: it is read
        on.

        Raises:
            Leave: If it does.
        """
        if not sure or self.blocks:
            return
        if words[0] in ("exit", "return") and (self.assumed or is_error(words)):
            return
        raise Leave(words[0])  # type: ignore[arg-type]

    def _call(self, name: str, fields: list[Field], own: dict[str, Text], offset: int) -> None:
        """Minds the body of a function, with the words of this call."""
        state, source = self.state, self.source
        positional = state.positional
        back = state.covered(own, offset)
        state.positional = tuple(one.value for one in fields[1:])
        self._nested += 1
        try:
            for inside, body in self.functions[name]:
                self.source = inside
                if self.count <= MAX_STEPS:
                    self.forget()
                    self.follow(statements([body]))
        except Leave as leave:
            if leave.how != "return":
                raise
        finally:
            self._nested -= 1
            self.source = source
            back()
            state.positional = positional
            self._last = None

    def _inner(self, fields: list[Field], own: Mapping[str, Text], offset: int) -> bool:
        """`eval …` and `bash -c …`: their text is a script."""
        script = _inner_script([one.value.text for one in fields])
        inner = Source(script.encode()) if script is not None else None
        if inner is None or inner.broken is not None:
            return False
        back = self.state.covered(own, offset)
        outer, functions, kept = self.source, self.functions, len(self.invocations)
        left_out, noted = len(self.unused), len(self.notes)
        self.source, self.functions = inner, functions | survey(inner)
        self._nested += 1
        try:
            self.forget()
            self.follow(statements(inner.root.children))
        except Leave:
            pass
        finally:
            self._nested -= 1
            self.source, self.functions = outer, functions
            back()
        here = fields[0].offset
        self.notes[noted:] = [(here, note) for _, note in self.notes[noted:]]
        for one in [*self.invocations[kept:], *(found for found, _ in self.unused[left_out:])]:
            one.offset = here
            one.cuts, one.glued, one.mended = [], [], []
            one.fields = [replace(_reasoned(found, fields), offset=here) for found in one.fields]
        return True


def is_block(step: Step) -> bool:
    """Whether a step is control flow, or a group."""
    kind = step.node.type
    return kind == "ERROR" or (kind in BLOCKS and not step.source.raw(step.node).startswith("(("))


def fails_in(interpreter: Interpreter, nodes: Sequence[Node]) -> bool:
    """Whether one of these statements ends the script with an error."""
    return any(fails(interpreter.source, one, interpreter.functions) for one in nodes)


def _inner_script(words: list[str]) -> str | None:
    """The script that a command hands to a shell; None if there is none.

    Args:
        words: The command; of an unknown word what is written there.
    """
    name = words[0].rpartition("/")[2]
    if name == "eval":
        return " ".join(words[1:])
    for shell, option, script in zip(words, words[1:], words[2:], strict=False):
        if shell.rpartition("/")[2] in _SHELLS and re.fullmatch(r"-[a-z]*c", option):
            return script
    if name == "sbatch":
        for word, after in zip(words, [*words[1:], ""], strict=True):
            flag, equals, value = word.partition("=")
            if flag == "--wrap":
                return value if equals else after
    if name in _CARRIERS:
        return next((word for word in reversed(words) if " " in word.strip()), None)
    return None


def _reasoned(inner: Field, outer: Sequence[Field]) -> Field:
    """A hole of an inner script, with the reason that the outer one knows."""
    why = next((one.value.why for one in outer if HOLE in one.value.text), None)
    if why is None or inner.value.text != Text(HOLE).filled().text:
        return inner
    return replace(inner, value=replace(inner.value, why=why))
