"""Whether a statement may start what an import looks for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from vlft.importer.shell.expand import expand
from vlft.importer.shell.invocation import Invocation

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from vlft.importer.shell.syntax import Statement
    from vlft.importer.shell.texts import Variables

_MARK: Final = re.compile(r"swift|megatron|\b(?:llm_)?(?:sft|pt|rlhf|export|infer)\.py")


def starts(statement: Statement, functions: Collection[str]) -> bool:
    """Whether a statement names ms-swift, or calls something that may.

    Args:
        statement: The statement.
        functions: Names of functions that the script calls.
    """
    if not statement.words or statement.loop is not None:
        return False
    first = statement.words[0]
    if first.bare in ("echo", "printf", "cat", "mkdir", "cd", "source", "exit", "local"):
        return False
    if first.bare in functions or any(part.kind == "variable" for part in first.parts):
        return True
    if first.bare == "eval" and any(p.kind == "variable" for w in statement.words for p in w.parts):
        return True
    return any(_MARK.search(word.raw) for word in statement.words)


def unused_commands(
    statements: Sequence[Statement], functions: Collection[str], variables: Variables
) -> Iterator[Invocation]:
    """Commands that are never come to, as far as they can be told."""
    for one in statements:
        if starts(one, functions):
            fields = [field for word in one.words for field in expand(word, variables)]
            if fields:
                yield Invocation(one.offset, fields, {})
