"""Patterns of `case` and `[[ … ]]`: `a | b)`, `x*`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from vlft.importer.shell.brackets import BrokenShellError
from vlft.importer.shell.expand import expand_one
from vlft.importer.shell.words import Word, read_word

if TYPE_CHECKING:
    from vlft.importer.shell.texts import Variables

_WILD: Final = re.compile(r"\*|\?|\[[!^]?[\w.-]+\]|[^*?\[]+|\[")
_MAX_STARS: Final = 3
_MAX_TEXT: Final = 256


def read_patterns(text: str, start: int) -> tuple[list[Word], int]:
    """The patterns of one branch, and the offset behind the bracket that closes them.

    Args:
        text: The whole text.
        start: Where the pattern begins.

    Raises:
        BrokenShellError: If it is never closed.
    """
    at = start + 1 if text[start] == "(" else start
    words: list[Word] = []
    while at < len(text) and text[at] != ")":
        if text[at] == "|" or text[at] in " \t\r\n":
            at += 1
            continue
        word, end = read_word(text, at)
        if end == at:
            raise BrokenShellError("a pattern of `case` is never closed", start)
        words.append(word)
        at = end
    return words, at + 1


def matches(text: str, pattern: Word, variables: Variables) -> bool | None:
    """Whether a text is what a pattern says; None if the pattern is not known."""
    made: list[str] = []
    for part in pattern.parts:
        if part.kind == "text":
            piece, plain = part.text, part.quoted
        else:
            value = expand_one(Word((part,), 0, part.raw), variables)
            if value.why is not None:
                return None
            piece, plain = value.text, part.quoted
        made.append(re.escape(piece) if plain else "".join(map(_wild, _WILD.findall(piece))))
    stars = sum(piece.count(".*") for piece in made)
    if stars > _MAX_STARS or (stars > 1 and len(text) > _MAX_TEXT):
        return None
    return re.fullmatch("".join(made), text, re.DOTALL) is not None


def _wild(piece: str) -> str:
    if piece in ("*", "?"):
        return ".*" if piece == "*" else "."
    if piece.startswith("[") and len(piece) > 1:
        inner = piece[1:-1]
        negated = inner[0] in "!^"
        return f"[{'^' if negated else ''}{inner[1:] if negated else inner}]"
    return re.escape(piece)
