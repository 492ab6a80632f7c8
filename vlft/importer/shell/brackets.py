"""Where a bracket is closed, and what there is to say if it never is."""

from __future__ import annotations

from typing import Final

MAX_DEPTH: Final = 40
"""Substitutions, quotes and blocks inside each other."""

_CLOSING: Final = {"(": ")", "{": "}", "[": "]"}


class BrokenShellError(Exception):
    """The text ends inside a quote or a substitution, or is nested too deeply.

    Args:
        message: What is wrong.
        offset: Where it begins.
    """

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset


def closing(text: str, at: int) -> int:
    """Offset of the bracket that closes the one at `at`, quotes and brackets inside minded.

    Raises:
        BrokenShellError: If there is none, or it is nested too deeply.
    """
    stack = [_CLOSING[text[at]]]
    start, at = at, at + 1
    while at < len(text):
        char = text[at]
        if char == "\\":
            at += 2
            continue
        if char == stack[-1]:
            stack.pop()
            if not stack:
                return at
        elif char == "'" and stack[-1] != '"':
            at = text.find("'", at + 1)
            if at < 0:
                break
        elif _opens(text, at, stack[-1]):
            stack.append(_CLOSING.get(char, char))
            if len(stack) > MAX_DEPTH:
                raise BrokenShellError(f"more than {MAX_DEPTH} brackets inside each other", start)
        at += 1
    raise BrokenShellError(f"`{text[start]}` is never closed", start)


def _opens(text: str, at: int, inside: str) -> bool:
    """Whether something begins here that has to be closed before what it stands in."""
    char, expands = text[at], text[at - 1] == "$"
    if inside == '"':
        return char in "({" and expands
    return char in '"(' or (char == "{" and expands)
