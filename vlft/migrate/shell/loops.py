"""`for` over words that are known, with nothing in it but assignments: what it sets is known."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vlft.migrate.shell.syntax import Statement

MAX_PASSES: Final = 64
_QUIET: Final = frozenset({"echo", "printf", ":", "[", "test", "local", "export", "declare"})


def quiet_body(statements: Sequence[Statement], at: int) -> list[Statement]:
    """The statements of a loop, as they stand outside of it; none if one of them runs a program.

    Args:
        statements: Of the script.
        at: Which of them is the loop's head.
    """
    loop = statements[at]
    depth = len(loop.blocks) - 1
    body: list[Statement] = []
    for index in range(at + 1, len(statements)):
        statement = statements[index]
        blocks = statement.blocks
        if len(blocks) <= depth or blocks[depth].offset != loop.blocks[depth].offset:
            break
        if statement.loop is not None or _runs(statement):
            return []
        body.append(replace(statement, blocks=(*blocks[:depth], *blocks[depth + 1 :])))
    return body


def _runs(statement: Statement) -> bool:
    return bool(statement.words) and statement.words[0].bare not in _QUIET
