"""Patterns of `case`: `a | b)`."""

from __future__ import annotations

from vlft.migrate.shell.brackets import BrokenShellError
from vlft.migrate.shell.words import read_word


def pattern_end(text: str, start: int) -> int:
    """Offset behind the bracket that closes a pattern.

    Args:
        text: The whole text.
        start: Where the pattern begins.

    Raises:
        BrokenShellError: If it is never closed.
    """
    at = start + 1 if text[start] == "(" else start
    while at < len(text) and text[at] != ")":
        if text[at] == "|" or text[at] in " \t\r\n":
            at += 1
            continue
        _, end = read_word(text, at)
        if end == at:
            raise BrokenShellError("a pattern of `case` is never closed", start)
        at = end
    return at + 1
