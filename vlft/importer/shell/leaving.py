"""`exit`, `return`, `break` and `continue`, where they are reached for certain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, cast

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vlft.importer.shell.syntax import Statement

How = Literal["exit", "return", "break", "continue"]

LEAVES: Final = frozenset({"exit", "return", "break", "continue"})


class Leave(Exception):  # noqa: N818 - it is no error
    """What is being followed ends here.

    Args:
        how: The command that ends it.
        offset: Where that stands.
    """

    def __init__(self, how: How, offset: int) -> None:
        super().__init__(how)
        self.how = how
        self.offset = offset


def left_by(statement: Statement, words: Sequence[str], *, sure: bool, assumed: bool) -> None:
    """Ends what is being followed, if a command does so for certain.

    A script that ends with an error is one that was not called as it has to be: it is read on.

    Args:
        statement: The command.
        words: What it says.
        sure: Whether it runs for certain.
        assumed: Whether that rests on a variable that is taken for not set.

    Raises:
        Leave: If it does.
    """
    if words[0] not in LEAVES or not sure or statement.blocks:
        return
    how = cast("How", words[0])
    if how == "exit" and (assumed or is_error(words)):
        return
    if how == "return" and (assumed or is_error(words)):
        return
    raise Leave(how, statement.offset)


def fails(statement: Statement, functions: Mapping[str, Sequence[Statement]]) -> bool:
    """Whether a statement ends a script with an error, by itself or in a function it calls."""
    words = [word.bare or "" for word in statement.words[:2]]
    if not words:
        return False
    if words[0] in functions:
        inside = functions[words[0]]
        return any(one.words and one.words[0].bare == "exit" and fails(one, {}) for one in inside)
    return words[0] in ("exit", "return") and is_error(words)


def is_error(words: Sequence[str]) -> bool:
    """Whether `exit` or `return` says that something went wrong."""
    return len(words) > 1 and words[1] != "0"
