"""Variables of a script, and what its branches leave of them.

A variable that one branch of an `if` sets is unknown after it; inside of the branch it is known.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vlft.importer.shell.texts import HOLE, Text, Variables
from vlft.importer.spans import shown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vlft.importer.shell.syntax import Block

    Values = dict[str, tuple[Text, ...]]


@dataclass
class _Branch:
    """A conditional block that is being read."""

    block: Block
    before: Values
    changed: set[str] = field(default_factory=set)
    replaced: set[str] = field(default_factory=set)
    added: dict[str, list[str]] = field(default_factory=dict)


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
            if value and value[0].why is not None and HOLE not in value[0].text:
                continue
            self._variables.set(name, (Text(f"${name}", f"`{name}` can't be known: {why}"),))

    def doubt_since(self, before: Values, why: str) -> None:
        """Makes unknown what has changed; what was only added to stays known as far as it was."""
        for name in sorted(self.changed(before)):
            value = self._variables.values.get(name)
            if self._adds(before.get(name), value):
                self._open_end(name, before[name], _added(before[name], value or ()), why)
            else:
                self.doubt((name,), why)

    def _adds(self, before: tuple[Text, ...] | None, after: tuple[Text, ...] | None) -> bool:
        """Whether a value is an earlier one with further words behind it."""
        if not before or not after:
            return before == () and after is not None
        if len(before) > 1 or len(after) > 1:
            return len(after) > len(before) and after[: len(before)] == before
        first, second = before[0], after[0]
        known = all(one.why is None or HOLE in one.text for one in (first, second))
        more = second.text.removeprefix(first.text)
        return known and second.text.startswith(first.text + more) and more[:1].isspace()

    def _open_end(self, name: str, known: tuple[Text, ...], more: str, why: str) -> None:
        why = f"`{name}` may hold {shown(more, 200)} as well: {why}"
        if name in self._variables.arrays:
            items = (*known, Text("…", why))
            self._variables.set(name, items, array=True)
        else:
            text = f"{known[0].text} {HOLE}"
            why = f"{known[0].why}; {why}" if known[0].why else why
            self._variables.set(name, (Text(text, why, known[0].notes),))

    def _leave(self, branch: _Branch) -> None:
        self._end_arm(branch)
        values = self._variables.values
        left = {name: values[name] for name in branch.replaced if name in values}
        self._variables.values = branch.before | left
        loop = branch.block.kind in ("for", "while", "until")
        why = f"it is set in one branch of a {'loop' if loop else f'`{branch.block.kind}`'}"
        self.doubt(branch.replaced, why)
        for name in sorted(branch.changed - branch.replaced):
            more = " or ".join(dict.fromkeys(branch.added[name]))
            self._open_end(name, branch.before[name], more, why)

    def _end_arm(self, branch: _Branch) -> None:
        changed = self.changed(branch.before)
        branch.changed |= changed
        for name in changed:
            before, after = branch.before.get(name), self._variables.values.get(name)
            if self._adds(before, after):
                branch.added.setdefault(name, []).append(_added(before or (), after or ()))
            else:
                branch.replaced.add(name)

    def _next_arm(self, branch: _Branch) -> None:
        if branch.block.arm:
            self._end_arm(branch)
            self._variables.values = dict(branch.before)
        else:
            branch.before = dict(self._variables.values)


def _added(before: tuple[Text, ...], after: tuple[Text, ...]) -> str:
    """What a value has more than it had."""
    if len(after) == 1 and len(before) == 1:
        return after[0].text.removeprefix(before[0].text).replace(HOLE, "…").strip()
    return " ".join(one.text for one in after[len(before) :])
