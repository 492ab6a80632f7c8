"""`if`, `case`, `for` and `while`, followed where their words decide what they do."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from msgspec.structs import replace

from vlft.importer.shell.builtins import (
    UNKNOWN,
    Verdict,
    is_true,
    judge,
    matches_word,
    run,
    setting,
    taken_for_empty,
)
from vlft.importer.shell.expansion import expand, expand_one
from vlft.importer.shell.interpreter import MAX_STEPS, Around, Interpreter, Invocation, Leave
from vlft.importer.shell.state import State, Text
from vlft.importer.shell.syntax import (
    Block,
    BlockKind,
    Body,
    Case,
    Command,
    Function,
    Group,
    If,
    Loop,
    parse,
)
from vlft.importer.shell.words import Word, read_word
from vlft.importer.spans import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


MAX_PASSES: Final = 64
"""Passes of a loop, and commands of ms-swift that all passes may start together."""

_MAX_LEVEL: Final = 60
_CALLED_WITH: Final = re.compile(r"\$[#@*1-9]|\$\{[#@*1-9]|getopts")


class ControlFlow(Interpreter):
    """Follows blocks."""

    level = 0

    def block(self, block: Block) -> None:
        """Minds control flow, which is reached for certain."""
        if self.level > _MAX_LEVEL:
            return
        self.level += 1
        try:
            if isinstance(block, Group):
                self._group(block)
            elif isinstance(block, Function):
                self._function(block)
            elif isinstance(block, If):
                self._if(block)
            elif isinstance(block, Case):
                self._case(block)
            elif not self._loop(block):
                self._undecided_loop(block)
        finally:
            self.level -= 1

    def undecided(self, kind: BlockKind, offset: int, arms: Sequence[Body]) -> None:
        """Reads branches of which no one knows whether they run."""
        self.blocks.append(Around(kind, offset))
        before, ends = dict(self.state.values), []
        for arm in arms:
            self.state.values = dict(before)
            self.forget()
            self.follow(arm)
            ends.append(self.state.values)
        self.blocks.pop()
        what = "loop" if kind in ("for", "while", "until") else f"`{kind}`"
        self.state.merge(before, ends, f"it is set in one branch of a {what}")
        self.forget()

    def require(self, verdict: Verdict) -> None:
        """Asks for the variables without which the script stops."""
        needed = [name for name in verdict.names if not self._is_set(name)]
        self.state.doubt(needed, "the script stops where it is not set")

    def _is_set(self, name: str) -> bool:
        value = self.state.values.get(name)
        return not re.fullmatch(r"[A-Za-z_]\w*", name) or any(one.text for one in value or ())

    def _group(self, block: Group) -> None:
        if not block.subshell:
            self.follow(block.body)
            return
        back = self.state.saved()
        try:
            self.follow(block.body)
        except Leave as leave:
            if leave.how == "return":
                raise
        finally:
            back()

    def _function(self, block: Function) -> None:
        """One that nothing calls: its commands are read, and nothing comes of what it sets."""
        if block.name in self.functions:
            return
        back = self.state.saved()
        self.blocks.append(Around("function", block.offset))
        self.follow(block.body)
        self.blocks.pop()
        back()

    def _if(self, block: If) -> None:
        notes: tuple[str, ...] = ()
        names: frozenset[str] = frozenset()
        chosen: Body = ()
        for conditions, body in block.arms:
            verdict = self._together(conditions) if conditions else Verdict(True)
            if verdict.holds is None:
                self._undecided_if(block)
                return
            notes, names = notes + verdict.notes, names | verdict.names
            if verdict.holds:
                chosen = body
                break
        others = [body for _, body in block.arms if body is not chosen]
        if not self._chosen(block, chosen, others, Verdict(True, notes, names)):
            self._undecided_if(block)

    def _undecided_if(self, block: If) -> None:
        self.follow(block.arms[0][0])
        (_, first), *rest = block.arms
        self.undecided("if", block.offset, [first, *(test + body for test, body in rest)])

    def _case(self, block: Case) -> None:
        arms = [body for _, body in block.arms]
        chosen: Body = ()
        subject = taken_for_empty(block.subject, self.state) or expand_one(
            block.subject, self.state
        )
        decided = subject.why is None and not block.falls
        for patterns, body in block.arms if decided else ():
            found = [matches_word(subject.text, one, self.state) for one in patterns]
            if True in found:
                chosen = body
                break
            if None in found:
                decided = False
                break
        others = [body for body in arms if body is not chosen]
        if not decided or not self._chosen(block, chosen, others, Verdict(True, subject.notes)):
            self.undecided("case", block.offset, arms)

    def _chosen(
        self, block: If | Case, chosen: Body, others: Sequence[Body], verdict: Verdict
    ) -> bool:
        """Follows one branch, unless a mere assumption would leave out the only commands."""
        if verdict.assumed and any(map(self.starts, others)) and not self.starts(chosen):
            return False
        self.notes += [(block.offset, note) for note in verdict.notes]
        started = "started as it is, " if verdict.assumed else ""
        for body in others:
            self.leave_out(body, f"{started}the script takes another branch")
        self.assumed += verdict.assumed
        try:
            self.forget()
            self.follow(chosen)
        finally:
            self.assumed -= verdict.assumed
        if self.fails(chosen):
            self.require(verdict)
        return True

    def _together(self, body: Body) -> Verdict:
        """Whether the last of some tests succeeds: `[ … ] && [ … ]`, `! [[ … ]]`."""
        found = UNKNOWN
        for step in body:
            if step.is_chained and found.holds != (step.joined == "&&"):
                continue
            command = step.statement
            if not isinstance(command, Command) or not command.words:
                return UNKNOWN
            verdict = judge(command, self.state)
            if verdict.holds is None or step.joined in ("|", "|&"):
                return UNKNOWN
            found = replace(verdict, holds=verdict.holds != step.negated).after(found)
        return found

    def _loop(self, loop: Loop) -> bool:
        """Follows a loop as the shell would; False, with nothing changed, if it can't be known."""
        if loop.clauses is not None:
            return self._counted(loop, *loop.clauses)
        if loop.kind != "for":
            return self._while(loop)
        if loop.is_menu:
            return False
        items = [one.value for word in _items(loop) for one in expand(word, self.state)]
        if any(one.why is not None for one in items):
            return self._is_of_call(loop)
        if len(items) > MAX_PASSES or (not items and self.starts(loop.body)):
            return False

        def each() -> Iterable[bool]:
            for item in items:
                self.state.set(loop.name, item)
                yield True

        return self._passes(loop, each(), loop.name)

    def _counted(self, loop: Loop, begin: str, test: str, after: str) -> bool:
        """`for ((i = 0; i < n; i++))`."""
        found = setting(begin)
        if found is None:
            return False

        def each() -> Iterable[bool]:
            run(begin, self.state)
            while (holds := is_true(test, self.state)) is not False:
                yield holds is not None
                run(after, self.state)

        return self._passes(loop, each(), found[0])

    def _while(self, loop: Loop) -> bool:
        wanted = loop.kind == "while"
        first = self._together(loop.condition)
        if first.holds is None:
            return self._is_of_call(loop)
        if first.assumed and self.starts(loop.body):
            return False
        self.notes += [(loop.offset, note) for note in first.notes]

        def each() -> Iterable[bool]:
            while (holds := self._together(loop.condition).holds) is not (not wanted):
                yield holds is not None

        return self._passes(loop, each(), "")

    def _passes(self, loop: Loop, each: Iterable[bool], name: str) -> bool:
        """Follows a loop pass by pass; not at all if there are too many, or one is not known."""
        back = self.state.saved()
        started, unused, notes = len(self.invocations), len(self.unused), len(self.notes)
        named = name if self.starts(loop.body) else ""
        known = True
        for count, sure in enumerate(each):
            known = sure and count < MAX_PASSES and not self._is_too_much(started)
            if not known or not self._pass(loop.body, named):
                break
        if known and not self._is_too_much(started):
            return True
        back()
        del self.invocations[started:], self.unused[unused:], self.notes[notes:]
        return False

    def _pass(self, body: Body, name: str) -> bool:
        """One pass; False if the loop ends with it."""
        value = self.state.value(name)
        self.passes += [(name, value.text)] if value is not None else []
        try:
            self.forget()
            self.follow(body)
        except Leave as leave:
            if leave.how not in ("break", "continue"):
                raise
            return leave.how == "continue"
        finally:
            if value is not None:
                self.passes.pop()
        return True

    def _is_too_much(self, since: int) -> bool:
        words = (one.fields for one in self.invocations[since:])
        started = sum(any("swift" in field.value.text for field in fields) for fields in words)
        return self.count > MAX_STEPS or started > MAX_PASSES

    def _is_of_call(self, loop: Loop) -> bool:
        """A loop over what the script is called with: nothing, so that its defaults hold."""
        implied = loop.kind == "for" and loop.items is None
        called = implied or _CALLED_WITH.search(loop.head)
        if self.state.positional is not None or not called or self.starts(loop.body):
            return False
        note = "the script is taken as called without words: what they would set has its default"
        self.notes.append((loop.offset, note))
        return True

    def _undecided_loop(self, loop: Loop) -> None:
        if loop.clauses is not None:
            found = setting(loop.clauses[0])
            self._vary(found[0] if found is not None else "")
        elif loop.kind == "for":
            self._vary(loop.name, " ".join(word.raw for word in _items(loop)))
        else:
            self.follow(loop.condition)
        self.undecided(loop.kind, loop.offset, [loop.body])

    def _vary(self, name: str, items: str = "") -> None:
        """A loop's variable, which is another in each pass."""
        why = f"`{name}` changes from pass to pass of a loop"
        self.state.set(name, Text(f"${name}", f"{why}: {shown(items)}" if items else why))


def _items(loop: Loop) -> Sequence[Word]:
    """What a loop goes through; without `in` what the script is called with."""
    return (read_word('"$@"', loop.offset),) if loop.items is None else loop.items


_SBATCH: Final = re.compile(r"^#SBATCH[ \t]+(.+)$", re.MULTILINE)
_OPTION: Final = re.compile(r"(--[a-z-]+|-[A-Za-z])(?:=|[ \t]*)([^\s#]*)")
_SLURM: Final[dict[str, tuple[str, ...]]] = {
    "--nodes": ("SLURM_NNODES", "SLURM_JOB_NUM_NODES"),
    "-N": ("SLURM_NNODES", "SLURM_JOB_NUM_NODES"),
    "--ntasks-per-node": ("SLURM_NTASKS_PER_NODE",),
    "--cpus-per-task": ("SLURM_CPUS_PER_TASK",),
    "-c": ("SLURM_CPUS_PER_TASK",),
    "--gpus-per-node": ("SLURM_GPUS_PER_NODE", "SLURM_GPUS_ON_NODE"),
    "--gres": ("SLURM_GPUS_ON_NODE",),
}
_COUNT: Final = re.compile(r"(?:gpu:)?(?:[A-Za-z][\w.-]*:)?(\d{1,5})")


class Followed(Struct, frozen=True):
    """What became of a script.

    Attributes:
        invocations: Every command, in the order of the text.
        broken: Why the rest can't be read, and where that begins.
        notes: What a condition of the script was decided by, each with its place.
        unused: Commands that the script never comes to, each with the reason.
        heredocs: Begin and end of the texts of here-documents, which are not read.
    """

    invocations: tuple[Invocation, ...]
    broken: tuple[str, int] | None
    heredocs: tuple[tuple[int, int], ...]
    notes: tuple[tuple[int, str], ...] = ()
    unused: tuple[tuple[Invocation, str], ...] = ()


def read_script(
    text: str,
    name: str | None = None,
    given: Sequence[str] | None = None,
    env: Mapping[str, str] | None = None,
) -> Followed:
    """The commands of a script; nothing of it is run.

    Args:
        text: The script, with line feeds at the ends of lines.
        name: Its file; None if it has none.
        given: What it is called with: `$1` and on; None if that is not known.
        env: Variables that it is started with.
    """
    parsed = parse(text)
    state = State(script=name)
    if given is not None:
        state.positional = tuple(map(Text, given))
    for key, (value, option) in _told_by_slurm(text).items():
        state.set(key, Text(value, None, (f"`{key}` is {value}: `{option}`",)))
    for key, value in (env or {}).items():
        state.set(key, Text(value))
        state.exported[key] = 0
    interpreter = ControlFlow(parsed, state)
    with contextlib.suppress(Leave):
        interpreter.follow(parsed.body)
    used = {one.offset for one in interpreter.invocations}
    unused = {one.offset: (one, why) for one, why in interpreter.unused if one.offset not in used}
    return Followed(
        tuple(interpreter.invocations),
        parsed.broken,
        tuple(parsed.source.heredocs),
        tuple(dict.fromkeys(interpreter.notes)),
        tuple(unused.values()),
    )


def _told_by_slurm(text: str) -> dict[str, tuple[str, str]]:
    """Variables that `#SBATCH` lines give the job, each with the option that says so.

    Only plain numbers are taken: `--nodes=2-4` leaves the number to Slurm.
    """
    made: dict[str, tuple[str, str]] = {}
    for line in _SBATCH.findall(text):
        found = _OPTION.match(line.strip())
        count = _COUNT.fullmatch(found[2]) if found is not None else None
        if found is None or count is None:
            continue
        for name in _SLURM.get(found[1], ()):
            made[name] = (count[1], f"#SBATCH {found[0].strip()}")
    return made
