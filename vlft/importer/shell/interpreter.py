"""Follows a script from statement to statement, on the state that it has set so far."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Final, Literal

from msgspec import Struct, field
from msgspec.structs import replace

from vlft.importer.shell.builtins import UNKNOWN, Verdict, assign, declare, judge, run, run_builtin
from vlft.importer.shell.expansion import expand, expand_one
from vlft.importer.shell.state import HOLE, Field, State, Text, Variable
from vlft.importer.shell.syntax import (
    DECLARE,
    Block,
    BlockKind,
    Body,
    Command,
    Script,
    Step,
    commands_in,
    functions_in,
    parse_nested,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


How = Literal["exit", "return", "break", "continue"]
_LEAVES: Final = frozenset({"exit", "return", "break", "continue"})
_TESTS: Final = frozenset({"[", "[[", "test", "(("})
MAX_STEPS: Final = 20_000
"""Commands that loops and functions may come to together."""

_MAX_NESTED: Final = 3
_SHELLS: Final = frozenset({"bash", "sh", "zsh", "dash"})
_CARRIERS: Final = frozenset({"ssh", "tmux", "su", "screen", "watch"})
_MARK: Final = re.compile(r"swift|megatron|\b(?:llm_)?(?:sft|pt|rlhf|export|infer)\.py")
_SILENT: Final = ("echo", "printf", "cat", "mkdir", "cd", "source", "exit", "local")
_VARIABLE: Final = re.compile(r"\$\{?\w|\$\{[!#]|\$[@*#]")


class Around(Struct, frozen=True):
    """Control flow around a command, which decides whether it runs.

    Attributes:
        kind: Of what.
        offset: Where it begins.
    """

    kind: BlockKind
    offset: int


class Invocation(Struct):
    """A command that the script would start.

    Attributes:
        offset: Where it begins.
        fields: Its words after expansion.
        env: What is exported or stands before it.
        blocks: The control flow that decides whether it runs.
        cuts: Offsets of backslashes with blanks after them.
        mended: Offsets of lines that bash takes for commands of their own: their first word
            begins with two dashes, so they belong to this one.
        glued: Offsets of backslashes that make one word of two for bash.
        passes: Loops that it stands in, as far as they are followed: variable and value.
        aside: Variables of the shell that no command sees, for nothing exports them.
        folder: What `cd` has changed to; None if nothing has.
    """

    offset: int
    fields: list[Field]
    env: dict[str, Variable]
    blocks: tuple[Around, ...] = ()
    cuts: list[int] = field(default_factory=list)
    mended: list[int] = field(default_factory=list)
    folder: Text | None = None
    aside: dict[str, Variable] = field(default_factory=dict)
    glued: list[int] = field(default_factory=list)
    passes: tuple[tuple[str, str], ...] = ()


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
        script: The script.
        state: What it has set.
    """

    def __init__(self, script: Script, state: State) -> None:
        self.state = state
        self.functions = functions_in(script.body)
        self.invocations: list[Invocation] = []
        self.unused: list[tuple[Invocation, str]] = []
        self.notes: list[tuple[int, str]] = []
        self.count = 0
        self.verdict = UNKNOWN
        self.passes: list[tuple[str, str]] = []
        self.blocks: list[Around] = []
        self.assumed = 0
        self._nested = 0
        self._last: Invocation | None = None
        self._tested = False

    @abstractmethod
    def block(self, block: Block) -> None:
        """Minds control flow, which is reached for certain."""

    @abstractmethod
    def undecided(self, kind: BlockKind, offset: int, arms: Sequence[Body]) -> None:
        """Reads branches of which no one knows whether they run."""

    @abstractmethod
    def require(self, verdict: Verdict) -> None:
        """Asks for the variables without which the script stops."""

    def follow(self, body: Body) -> None:
        """Minds statements one after another; control flow that is known as the shell does.

        Raises:
            Leave: If one of them ends it for certain.
        """
        for index, step in enumerate(body):
            try:
                self._step(step)
            except Leave as leave:
                if leave.how == "exit":
                    self.leave_out(body[index + 1 :], "the script ends before it")
                raise

    def forget(self) -> None:
        """Begins anew: what follows belongs to no command before it."""
        self._last = None
        self._tested = False
        self.verdict = UNKNOWN

    def starts(self, body: Iterable[Step]) -> bool:
        """Whether one of these may start what an import looks for."""
        return any(self._starts(one) for one in commands_in(body))

    def _starts(self, command: Command) -> bool:
        name, words = command.name, command.words
        if not words or command.test in _TESTS or name in _SILENT:
            return False
        if name in self.functions or any(
            part.expands and _VARIABLE.match(part.text) for part in words[0].parts
        ):
            return True
        if name == "eval":
            return any(_VARIABLE.search(word.raw) for word in words)
        return any(_MARK.search(word.raw) for word in words)

    def leave_out(self, body: Body, why: str) -> None:
        """Keeps the commands that are never come to, as far as they can be told."""
        for command in commands_in(body):
            if self._starts(command):
                fields = [one for word in command.words for one in expand(word, self.state)]
                if fields:
                    self.unused.append((Invocation(command.offset, fields, {}), why))

    def fails(self, body: Body, *, inside: bool = True) -> bool:
        """Whether a statement ends the script with an error, by itself or in a function."""
        for command in commands_in(body):
            name = command.name
            error = is_error([word.bare or "" for word in command.words])
            if error and (name == "exit" or (inside and name == "return")):
                return True
            called = self.functions.get(name, []) if inside else []
            if any(self.fails(one.body, inside=False) for one in called):
                return True
        return False

    def _step(self, step: Step) -> None:
        """Minds one command of a line, or one block."""
        self.count += 1
        before = self.verdict if step.is_chained else UNKNOWN
        decided = before.holds
        if decided is not None and decided != (step.joined == "&&"):
            if not (before.assumed and self.starts([step])):
                self.leave_out((step,), "the test before it decides so")
                return
            decided = None
        sure = not step.is_chained or decided is not None
        statement = step.statement
        self.assumed += before.assumed
        try:
            if isinstance(statement, Command):
                self._command(step, statement, before, sure=sure)
            elif sure:
                self.forget()
                self.block(statement)
                self.forget()
            else:
                self.undecided("branch", step.offset, [(replace(step, joined=""),)])
        finally:
            self.assumed -= before.assumed
        if before.assumed and sure and self.fails((step,)):
            self.require(before)

    def _command(self, step: Step, command: Command, before: Verdict, *, sure: bool) -> None:
        verdict = judge(command, self.state) if sure else UNKNOWN
        if step.negated and verdict.holds is not None:
            verdict = replace(verdict, holds=not verdict.holds)
        self.notes += [(step.offset, note) for note in verdict.notes]
        self.verdict = verdict.after(before) if sure else UNKNOWN
        doubted = bool(step.joined) and self._tested and before.holds is None
        values = dict(self.state.values) if doubted else None
        self._simple(step, command, sure=sure)
        if values is not None:
            why = "whether it is set depends on the test before it"
            self.state.merge(values, [self.state.values], why)
        self._tested = command.test in _TESTS or (bool(step.joined) and self._tested)

    def _simple(self, step: Step, command: Command, *, sure: bool) -> None:
        """Minds a simple command."""
        state, name = self.state, command.test
        if name in ("((", "[["):
            if name == "((":
                run(command.words[0].raw[2:-2], state)
            self._last = None
            return
        if not command.words:
            for one in command.assignments:
                assign(one, state)
                state.alone[one.name] = command.offset
        if name in DECLARE:
            declare(command, state)
        if not command.words or name in DECLARE:
            self._last = None
            return
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

    def _start(
        self, step: Step, command: Command, fields: list[Field], own: dict[str, Text], *, sure: bool
    ) -> None:
        first, offset = fields[0].value.text, command.offset
        cuts, glued = (
            [at for at in found if offset <= at <= command.end]
            for found in (command.source.cuts, command.source.glued)
        )
        if first.startswith("--") and self._last is not None and not step.joined:
            self._last.fields += fields
            self._last.mended.append(offset)
            self._last.cuts += cuts
            self._last.glued += glued
            return
        if first in _LEAVES:
            self._leave([one.value.text for one in fields], sure=sure)
        nests = self._nested < _MAX_NESTED
        if first in self.functions and nests:
            self._call(first, fields, own, offset)
            return
        if run_builtin(fields, command, self.state) or (nests and self._inner(fields, own, offset)):
            self._last = None
            return
        self._last = Invocation(
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
        self.invocations.append(self._last)

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
        state = self.state
        positional = state.positional
        back = state.covered(own, offset)
        state.positional = tuple(one.value for one in fields[1:])
        self._nested += 1
        try:
            for one in self.functions[name]:
                if self.count <= MAX_STEPS:
                    self.forget()
                    self.follow(one.body)
        except Leave as leave:
            if leave.how != "return":
                raise
        finally:
            self._nested -= 1
            back()
            state.positional = positional
            self._last = None

    def _inner(self, fields: list[Field], own: Mapping[str, Text], offset: int) -> bool:
        """`eval …` and `bash -c …`: their text is a script."""
        text = _inner_script([one.value.text for one in fields])
        script = parse_nested(text) if text is not None else None
        if script is None:
            return False
        back = self.state.covered(own, offset)
        functions, kept = self.functions, len(self.invocations)
        left_out, noted = len(self.unused), len(self.notes)
        self.functions = functions | functions_in(script.body)
        self._nested += 1
        try:
            self.forget()
            self.follow(script.body)
        except Leave:
            pass
        finally:
            self._nested -= 1
            self.functions = functions
            back()
        here = fields[0].offset
        self.notes[noted:] = [(here, note) for _, note in self.notes[noted:]]
        for one in [*self.invocations[kept:], *(found for found, _ in self.unused[left_out:])]:
            one.offset = here
            one.cuts, one.glued, one.mended = [], [], []
            one.fields = [replace(_reasoned(found, fields), offset=here) for found in one.fields]
        return True


def is_error(words: Sequence[str]) -> bool:
    """Whether `exit` or `return` says that something went wrong."""
    return len(words) > 1 and words[1] != "0"


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
