"""`if`, `case`, `for` and `while`, followed where their words decide what they do."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from vlft.importer.shell.expand import expand_one
from vlft.importer.shell.leaving import fails
from vlft.importer.shell.loops import Loops
from vlft.importer.shell.patterns import matches
from vlft.importer.shell.starting import starts
from vlft.importer.shell.unset import taken_for_empty
from vlft.importer.shell.verdicts import UNKNOWN, Verdict, together

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vlft.importer.shell.blocks import Extent
    from vlft.importer.shell.interpreter import Interpreter
    from vlft.importer.shell.syntax import Case, Statement


class Control:
    """Follows blocks for an interpreter.

    Args:
        interpreter: Who follows the statements in them.
        cases: Heads of `case`, by offset.
    """

    def __init__(self, interpreter: Interpreter, cases: Mapping[int, Case]) -> None:
        self._to = interpreter
        self._cases = cases
        self._loops = Loops(interpreter)

    def followed(self, extent: Extent, depth: int) -> bool:
        """Follows a block as the shell would.

        Returns:
            False, with nothing changed, if that can't be known.

        Raises:
            Leave: If the script, the function or the loop around it ends in it.
        """
        self._to.state.branches.enter(extent.around)
        kind = extent.block.kind
        if kind == "function":
            return self._function(extent, depth)
        if kind == "if":
            return self._if(extent, depth)
        if kind == "case":
            return self._case(extent, depth)
        if kind == "branch":
            return self._branch(extent, depth)
        return self._loops.followed(extent, depth)

    def _function(self, extent: Extent, depth: int) -> bool:
        """One that nothing calls: its commands are read, and nothing comes of what it sets."""
        back = self._to.state.saved()
        self._to.inside(extent.statements, depth, (*extent.around, extent.block))
        self._to.state.branches.enter(extent.around)
        back()
        return True

    def _if(self, extent: Extent, depth: int) -> bool:
        arms, otherwise = extent.arms(), extent.otherwise
        verdict, arm = UNKNOWN, 0
        notes: list[str] = []
        names: set[str] = set()
        while arm != otherwise and arm in arms:
            verdict = together(arms[arm], self._to.state.variables)
            if verdict.holds is None:
                return False
            notes += verdict.notes
            names |= verdict.names
            if verdict.holds:
                arm += 1
                break
            arm += 2
        if arm == 0:
            return False
        verdict = Verdict(verdict.holds, tuple(notes), frozenset(names))
        others = [one for key, value in arms.items() if key not in (0, arm) for one in value]
        return self._chosen(arms.get(arm, []), others, verdict, extent, depth)

    def _case(self, extent: Extent, depth: int) -> bool:
        case = self._cases.get(extent.block.offset)
        if case is None or case.falls:
            return False
        variables = self._to.state.variables
        subject = taken_for_empty(case.subject, variables) or expand_one(case.subject, variables)
        if subject.why is not None:
            return False
        arms = extent.arms()
        chosen: list[Statement] = []
        taken = 0
        for arm, patterns in enumerate(case.patterns, 1):
            found = [matches(subject.text, one, variables) for one in patterns]
            if True in found:
                chosen, taken = arms.get(arm, []), arm
                break
            if None in found:
                return False
        others = [one for key, value in arms.items() if key != taken for one in value]
        return self._chosen(chosen, others, Verdict(True, subject.notes), extent, depth)

    def _branch(self, extent: Extent, depth: int) -> bool:
        verdict, first = self._to.verdict, extent.statements[0]
        if verdict.holds is None or first.joined not in ("&&", "||"):
            return False
        arms = [one for arm in extent.arms().values() for one in arm]
        runs = verdict.holds == (first.joined == "&&")
        if not runs:
            return self._chosen([], arms, verdict, extent, depth)
        arms[0] = replace(arms[0], joined="")
        return self._chosen(arms, [], verdict, extent, depth)

    def _chosen(
        self,
        chosen: Sequence[Statement],
        others: Sequence[Statement],
        verdict: Verdict,
        extent: Extent,
        depth: int,
    ) -> bool:
        """Follows one branch, unless a mere assumption would leave out the only commands."""
        functions = self._to.functions
        left_out = verdict.assumed and any(starts(one, functions) for one in others)
        if left_out and not any(starts(one, functions) for one in chosen):
            return False
        self._to.notes += [(extent.block.offset, note) for note in verdict.notes]
        started = "started as it is, " if verdict.assumed else ""
        self._to.leave_out(others, f"{started}the script takes another branch")
        self._to.assumed += verdict.assumed
        try:
            self._to.verdict = UNKNOWN
            self._to.inside(chosen, depth, extent.around)
        finally:
            self._to.assumed -= verdict.assumed
            self._to.state.branches.enter(extent.around)
        if any(fails(one, functions) for one in chosen):
            self.require(verdict)
        return True

    def require(self, verdict: Verdict) -> None:
        """Asks for the variables without which the script stops."""
        needed = [name for name in verdict.names if not self._is_set(name)]
        self._to.state.branches.doubt(needed, "the script stops where it is not set")

    def _is_set(self, name: str) -> bool:
        value = self._to.state.variables.values.get(name)
        return not re.fullmatch(r"[A-Za-z_]\w*", name) or any(one.text for one in value or ())
