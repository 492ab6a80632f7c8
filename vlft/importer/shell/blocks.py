"""Control flow in a list of statements: where a block begins and ends, and its branches."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from vlft.importer.shell.syntax import Block, Statement


@dataclass(frozen=True)
class Extent:
    """A block and the statements in it.

    Attributes:
        block: The block, as its first statement has it.
        depth: How many blocks stand around it.
        statements: All that stands in it.
    """

    block: Block
    depth: int
    statements: tuple[Statement, ...]

    @property
    def around(self) -> tuple[Block, ...]:
        """The blocks around it."""
        return self.statements[0].blocks[: self.depth]

    def arms(self) -> dict[int, list[Statement]]:
        """The statements of each branch, as they stand outside of the block."""
        made: dict[int, list[Statement]] = {}
        for one in self.statements:
            arm = one.blocks[self.depth].arm
            made.setdefault(arm, []).append(self._outside(one))
        return made

    @property
    def otherwise(self) -> int | None:
        """The branch of `else`."""
        blocks = (one.blocks[self.depth] for one in self.statements)
        return next((block.arm for block in blocks if block.otherwise), None)

    def _outside(self, one: Statement) -> Statement:
        blocks = (*one.blocks[: self.depth], *one.blocks[self.depth + 1 :])
        return replace(one, blocks=blocks)


def block_at(statements: Sequence[Statement], at: int, passed: Collection[int]) -> Extent | None:
    """The outermost block of control flow that a statement begins.

    Args:
        statements: Of a script.
        at: Which of them.
        passed: Offsets of blocks that are not asked for.
    """
    for depth, block in enumerate(statements[at].blocks):
        if block.kind == "group" or block.offset in passed:
            continue
        end = at + 1
        while end < len(statements) and _is_in(statements[end], depth, block):
            end += 1
        return Extent(block, depth, tuple(statements[at:end]))
    return None


def _is_in(statement: Statement, depth: int, block: Block) -> bool:
    return len(statement.blocks) > depth and statement.blocks[depth].offset == block.offset
