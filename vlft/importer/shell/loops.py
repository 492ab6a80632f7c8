"""`for`, `while` and `until`, followed pass by pass where their words decide each."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from vlft.importer.shell.building import MAX_STATEMENTS
from vlft.importer.shell.counting import is_true, run
from vlft.importer.shell.expand import expand
from vlft.importer.shell.leaving import Leave
from vlft.importer.shell.starting import starts
from vlft.importer.shell.verdicts import together

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from vlft.importer.shell.blocks import Extent
    from vlft.importer.shell.interpreter import Interpreter
    from vlft.importer.shell.syntax import Statement

MAX_PASSES: Final = 64
"""Passes of a loop, and commands of ms-swift that all passes may start together."""

_CALLED_WITH: Final = re.compile(r"\$[#@*1-9]|\$\{[#@*1-9]|getopts")


class Loops:
    """Follows loops for an interpreter.

    Args:
        interpreter: Who follows the statements in them.
    """

    def __init__(self, interpreter: Interpreter) -> None:
        self._to = interpreter

    def followed(self, extent: Extent, depth: int) -> bool:
        """Follows a loop as the shell would; False, with nothing changed, if it can't be known."""
        head = extent.statements[0]
        if extent.block.kind == "for":
            return head.loop is not None and self._for(extent, head, depth)
        return head.loop is None and self._while(extent, depth)

    def _for(self, extent: Extent, head: Statement, depth: int) -> bool:
        body = [one for arm, value in extent.arms().items() if arm for one in value]
        if head.clauses is not None:
            return self._counted(extent, head, body, depth)
        variables = self._to.state.variables
        items = [one.value for word in head.words for one in expand(word, variables)]
        if any(one.why is not None for one in items):
            return self._is_of_call([head], body, extent)
        if len(items) > MAX_PASSES or (not items and self._starts(body)):
            return False

        def each() -> Iterable[bool]:
            for item in items:
                self._to.state.variables.set(head.loop or "", (item,))
                yield True

        return self._passes(extent, body, each(), head.loop or "", depth)

    def _counted(
        self, extent: Extent, head: Statement, body: Sequence[Statement], depth: int
    ) -> bool:
        begin, test, step = head.clauses or ("", "", "")
        variables = self._to.state.variables

        def each() -> Iterable[bool]:
            run(begin, variables)
            while (found := is_true(test, variables)) is not False:
                yield found is not None
                run(step, variables)

        return self._passes(extent, body, each(), head.loop or "", depth)

    def _while(self, extent: Extent, depth: int) -> bool:
        arms = extent.arms()
        tests, body = arms.get(0, []), arms.get(1, [])
        if not tests:
            return False
        wanted = extent.block.kind == "while"
        variables = self._to.state.variables
        first = together(tests, variables)
        if first.holds is None:
            return self._is_of_call(tests, body, extent)
        if first.assumed and self._starts(body):
            return False

        self._to.notes += [(extent.block.offset, note) for note in first.notes]

        def each() -> Iterable[bool]:
            while (found := together(tests, variables).holds) is not (not wanted):
                yield found is not None

        return self._passes(extent, body, each(), "", depth)

    def _passes(
        self,
        extent: Extent,
        body: Sequence[Statement],
        each: Iterable[bool],
        name: str,
        depth: int,
    ) -> bool:
        """Follows a loop pass by pass; not at all if there are too many, or one is not known."""
        to = self._to
        back = to.state.saved()
        kept = len(to.invocations), len(to.unused), len(to.notes)
        told = name if self._starts(body) else ""
        known = True
        for count, sure in enumerate(each):
            known = sure and count < MAX_PASSES and not self._is_too_much(kept[0])
            if not known or not self._pass(extent, body, told, depth):
                break
        if known and not self._is_too_much(kept[0]):
            return True
        to.state.branches.enter(extent.around)
        back()
        del to.invocations[kept[0] :], to.unused[kept[1] :], to.notes[kept[2] :]
        return False

    def _pass(self, extent: Extent, body: Sequence[Statement], told: str, depth: int) -> bool:
        """One pass; False if the loop ends with it."""
        to = self._to
        value = to.state.variables.values.get(told)
        to.passes += [(told, value[0].text)] if value else []
        try:
            to.inside(body, depth, extent.around)
        except Leave as leave:
            if leave.how not in ("break", "continue"):
                raise
            return leave.how == "continue"
        finally:
            to.state.branches.enter(extent.around)
            if value:
                to.passes.pop()
        return True

    def _is_too_much(self, since: int) -> bool:
        return self._to.calls > MAX_STATEMENTS or self._started(since) > MAX_PASSES

    def _started(self, since: int) -> int:
        words = (one.fields for one in self._to.invocations[since:])
        return sum(any("swift" in field.value.text for field in fields) for fields in words)

    def _starts(self, statements: Sequence[Statement]) -> bool:
        return any(starts(one, self._to.functions) for one in statements)

    def _is_of_call(
        self, tests: Sequence[Statement], body: Sequence[Statement], extent: Extent
    ) -> bool:
        """A loop over what the script is called with: nothing, so that its defaults hold."""
        words = (word.raw for one in tests for word in one.words)
        called = any(_CALLED_WITH.search(word) for word in words)
        if self._to.state.variables.positional is not None or not called or self._starts(body):
            return False
        note = "the script is taken as called without words: what they would set has its default"
        self._to.notes.append((extent.block.offset, note))
        return True
