"""Statements in the making, and the control flow that they stand in."""

from __future__ import annotations

from typing import Final

from vlft.importer.shell.brackets import MAX_DEPTH, BrokenShellError
from vlft.importer.shell.syntax import Block, BlockKind, Case, Statement

MAX_STATEMENTS: Final = 20_000


class Builder:
    """Collects words into statements, and opens and closes blocks around them."""

    def __init__(self) -> None:
        self.statements: list[Statement] = []
        self.functions: dict[int, str] = {}
        self.cases: dict[int, Case] = {}
        self._bodies: dict[int, str] = {}
        self.current = Statement(0, ())
        self.blocks: list[Block] = []
        self._joined = ""

    def end(self, operator: str, at: int) -> None:
        """Ends the current command.

        Args:
            operator: What joins it to the next one; empty for a new line.
            at: Where the next one may begin.

        Raises:
            BrokenShellError: If there are more than anyone writes.
        """
        if not self.current.empty:
            self.current.joined = self._joined
            self.statements.append(self.current)
            self._joined = operator
            if len(self.statements) > MAX_STATEMENTS:
                raise BrokenShellError(f"more than {MAX_STATEMENTS:,} commands", at)
        elif operator:
            self._joined = operator
        self.begin(at)

    def begin(self, at: int, loop: str | None = None) -> Statement:
        """A new command in the blocks that are open."""
        self.current = Statement(at, tuple(self.blocks), loop=loop)
        return self.current

    def open_group(self, offset: int, at: int) -> None:
        """`{` or `(`, which after `&&` and `||` begins a branch."""
        self.open("branch" if self._joined in ("&&", "||") else "group", offset, at)

    def opens_body(self, bracket: str) -> bool:
        """Whether a bracket is the one that begins the function which is being read."""
        block = self.blocks[-1] if self.blocks else None
        if block is None or block.kind != "function" or block.offset in self._bodies:
            return False
        self._bodies[block.offset] = bracket
        return True

    def close_subshell(self, at: int) -> None:
        """`)`, which ends a group, or a function whose body it is."""
        block = self.blocks[-1] if self.blocks else None
        is_body = block is not None and self._bodies.get(block.offset) == "("
        self.close(at, *(("function",) if is_body else ("group", "branch")))

    def open(self, kind: BlockKind, offset: int, at: int, name: str = "") -> None:
        """Begins a block; of a function, its name.

        Raises:
            BrokenShellError: If it is nested too deeply.
        """
        if len(self.blocks) >= MAX_DEPTH:
            raise BrokenShellError(f"more than {MAX_DEPTH} blocks inside each other", offset)
        if kind == "function":
            self.functions[offset] = name
        arm = 1 if kind in ("function", "branch") else 0
        self.blocks.append(Block(kind, offset, arm))
        self.begin(at)

    def next_arm(self, at: int, *, otherwise: bool = False) -> None:
        """The next branch of the block that is open; `else` is one as well."""
        if self.blocks:
            block = self.blocks[-1]
            self.blocks[-1] = Block(block.kind, block.offset, block.arm + 1, otherwise)
        self.begin(at)

    def close(self, at: int, *kinds: BlockKind) -> None:
        """Ends the innermost block, if it is of one of these kinds."""
        if self.blocks and (not kinds or self.blocks[-1].kind in kinds):
            self.blocks.pop()
        self.begin(at)
