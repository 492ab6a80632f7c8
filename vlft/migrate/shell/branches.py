"""Variables of a script, and what its branches leave of them.

A variable that one branch of an `if` sets is unknown after it; inside of the branch it is known.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vlft.migrate.shell.texts import Text, Variables

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vlft.migrate.shell.syntax import Block

    Values = dict[str, tuple[Text, ...]]


@dataclass
class _Branch:
    """A conditional block that is being read."""

    block: Block
    before: Values
    changed: set[str] = field(default_factory=set)


class Branches:
    """Follows the control flow around statements.

    Args:
        variables: What the script has set; changed in place.
    """

    def __init__(self, variables: Variables) -> None:
        self._variables = variables
        self._open: list[_Branch] = []

    def enter(self, blocks: tuple[Block, ...]) -> bool:
        """Leaves the branches that have ended, and enters those that begin.

        Args:
            blocks: Around the next statement, the outermost first.

        Returns:
            Whether one begins here.
        """
        conditional = [block for block in blocks if block.kind not in ("group", "function")]
        same = 0
        while (
            same < min(len(conditional), len(self._open))
            and self._open[same].block.offset == conditional[same].offset
        ):
            same += 1
        while len(self._open) > same:
            self._leave(self._open.pop())
        for branch, block in zip(self._open, conditional, strict=False):
            if branch.block.arm != block.arm:
                self._next_arm(branch)
                branch.block = block
        for block in conditional[same:]:
            self._open.append(_Branch(block, dict(self._variables.values)))
        return len(conditional) > same

    def changed(self, before: Values) -> set[str]:
        """Names whose value is not the one that they had."""
        values = self._variables.values
        return {
            name for name in values.keys() | before.keys() if values.get(name) != before.get(name)
        }

    def doubt(self, names: Iterable[str], why: str) -> None:
        """Makes variables unknown."""
        for name in sorted(names):
            value = self._variables.values.get(name)
            if value and value[0].why is not None:
                continue
            self._variables.set(name, (Text(f"${name}", f"`{name}` can't be known: {why}"),))

    def _leave(self, branch: _Branch) -> None:
        branch.changed |= self.changed(branch.before)
        values = self._variables.values
        left = {name: values[name] for name in branch.changed if name in values}
        self._variables.values = branch.before | left
        kind = "loop" if branch.block.kind in ("for", "while") else f"`{branch.block.kind}`"
        self.doubt(branch.changed, f"it is set in one branch of a {kind}")

    def _next_arm(self, branch: _Branch) -> None:
        if branch.block.arm:
            branch.changed |= self.changed(branch.before)
            self._variables.values = dict(branch.before)
        else:
            branch.before = dict(self._variables.values)
