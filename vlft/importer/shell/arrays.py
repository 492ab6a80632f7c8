"""The items of an array: `(a "b c")`."""

from __future__ import annotations

from vlft.importer.shell.brackets import BrokenShellError
from vlft.importer.shell.words import Word, cut_line, read_word


def read_items(text: str, start: int) -> tuple[tuple[Word, ...], int]:
    """The words up to the bracket that closes an array, and where that ends.

    Args:
        text: The whole text.
        start: Offset of the bracket that opens it.

    Raises:
        BrokenShellError: If it is never closed.
    """
    at = start + 1
    items: list[Word] = []
    while at < len(text) and text[at] != ")":
        skipped = _skipped(text, at)
        if skipped is not None:
            at = skipped
            continue
        word, end = read_word(text, at)
        if end > at:
            items.append(word)
        at = max(end, at + 1)
    if at >= len(text):
        raise BrokenShellError("`(` is never closed", start)
    return tuple(items), at + 1


def _skipped(text: str, at: int) -> int | None:
    """Where a blank, a continuation or a comment ends; None if a word stands here."""
    if text[at] in " \t\r\n":
        return at + 1
    if text.startswith("\\\n", at):
        return at + 2
    if text[at] == "#":
        end = text.find("\n", at)
        return len(text) if end < 0 else end
    return cut_line(text, at)
