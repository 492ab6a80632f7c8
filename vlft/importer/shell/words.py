"""Characters → words: quoting, continuation lines, and where each expansion begins and ends."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from vlft.importer.shell.brackets import BrokenShellError, closing

Kind = Literal["text", "variable", "command", "arithmetic"]

BLANKS: Final = " \t\r"
ENDS: Final = frozenset(" \t\r\n;&|<>()")
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9@*#?$!-]")
_PLAIN: Final = re.compile(r"[^\s;&|<>()\\'\"$`]+")
_IN_QUOTES: Final = re.compile(r"[^\\\"$`]+")
_CUT: Final = re.compile(r"\\[ \t\r]+(?:#[^\n]*)?(?:\n|\Z)")
_GLUE: Final = re.compile(r"\\\n(?=--[A-Za-z]|swift[ \t]|[A-Z][A-Z0-9_]+=)")
_ESCAPES: Final = {
    "n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "e": "\x1b", "f": "\f", "v": "\v",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a word.

    Attributes:
        kind: text, or what has to be expanded.
        text: The text without its quotes; of an expansion, what stands inside of it.
        quoted: Whether it stands in quotes, so that it is not split at spaces.
        raw: As it is written.
    """

    kind: Kind
    text: str
    quoted: bool
    raw: str


@dataclass(frozen=True, slots=True)
class Word:
    """A word before expansion.

    Attributes:
        parts: In order.
        offset: Where it begins.
        raw: As it is written.
    """

    parts: tuple[Part, ...]
    offset: int
    raw: str

    @property
    def bare(self) -> str | None:
        """The text of a word without quotes and expansions, as keywords have to be."""
        if any(part.quoted or part.kind != "text" for part in self.parts):
            return None
        return "".join(part.text for part in self.parts)


def read_word(text: str, start: int) -> tuple[Word, int]:
    """The word that begins at `start`, and where it ends.

    A backslash with blanks between it and the line's end ends it too: see `cut_line`; so does
    one that only lacks the blank before it: see `is_glue`.

    Args:
        text: The whole text.
        start: Offset of its first character.

    Raises:
        BrokenShellError: If a quote or a substitution is not closed.
    """
    parts: list[Part] = []
    at = start
    while at < len(text) and text[at] not in ENDS:
        char = text[at]
        if char == "\\":
            if at + 1 == len(text) or _CUT.match(text, at) or (at > start and is_glue(text, at)):
                break
            escaped = text[at + 1 : at + 2]
            if escaped != "\n":
                parts.append(Part("text", escaped, quoted=True, raw=text[at : at + 2]))
            at += 2
        elif char == "'":
            at = _single(text, at, parts)
        elif char == '"':
            at = _double(text, at, parts)
        elif char in "$`":
            at = _expansion(text, at, parts, quoted=False)
        else:
            found = _PLAIN.match(text, at)
            end = found.end() if found else at + 1
            parts.append(Part("text", text[at:end], quoted=False, raw=text[at:end]))
            at = end
    return Word(tuple(parts), start, text[start:at]), at


def is_glue(text: str, at: int) -> bool:
    """Whether a backslash makes one word of a value and the flag that begins the next line."""
    return _GLUE.match(text, at) is not None


def cut_line(text: str, at: int) -> int | None:
    """Where the next line begins, if a backslash with blanks or a comment after it stands here.

    To bash that is a word of one blank, and the end of the command.
    """
    found = _CUT.match(text, at)
    return found.end() if found else None


def _single(text: str, at: int, parts: list[Part]) -> int:
    end = text.find("'", at + 1)
    if end < 0:
        raise BrokenShellError("a single quote is never closed", at)
    parts.append(Part("text", text[at + 1 : end], quoted=True, raw=text[at : end + 1]))
    return end + 1


def _double(text: str, at: int, parts: list[Part]) -> int:
    start, before = at, len(parts)
    at += 1
    while at < len(text) and text[at] != '"':
        char = text[at]
        if char == "\\":
            escaped = text[at + 1 : at + 2]
            if escaped != "\n":
                kept = escaped if escaped in '$`"\\' else "\\" + escaped
                parts.append(Part("text", kept, quoted=True, raw=text[at : at + 2]))
            at += 2
        elif char in "$`":
            at = _expansion(text, at, parts, quoted=True)
        else:
            found = _IN_QUOTES.match(text, at)
            end = found.end() if found else at + 1
            parts.append(Part("text", text[at:end], quoted=True, raw=text[at:end]))
            at = end
    if at >= len(text):
        raise BrokenShellError("a double quote is never closed", start)
    if len(parts) == before:
        parts.append(Part("text", "", quoted=True, raw='""'))
    return at + 1


def _expansion(text: str, at: int, parts: list[Part], *, quoted: bool) -> int:
    """One `$…` or backtick; a lone dollar is text."""
    if text[at] == "`":
        end = _backtick(text, at)
        inner = text[at + 1 : end].replace("\\`", "`")
        parts.append(Part("command", inner, quoted=quoted, raw=text[at : end + 1]))
        return end + 1
    follows = text[at + 1 : at + 2]
    if follows in ("(", "{"):
        return _bracketed(text, at, parts, quoted=quoted)
    if follows == "'" and not quoted:
        return _ansi(text, at, parts)
    if follows == '"' and not quoted:
        return _double(text, at + 1, parts)  # a translated text: the same without a catalogue
    name = _VARIABLE.match(text, at + 1)
    kind: Kind = "variable" if name else "text"
    inner = name[0] if name else "$"
    end = name.end() if name else at + 1
    parts.append(Part(kind, inner, quoted=quoted, raw=text[at:end]))
    return end


def _bracketed(text: str, at: int, parts: list[Part], *, quoted: bool) -> int:
    end = closing(text, at + 1)
    inner, raw = text[at + 2 : end], text[at : end + 1]
    kind: Kind = "variable" if text[at + 1] == "{" else "command"
    if kind == "command" and inner.startswith("(") and inner.endswith(")"):
        kind, inner = "arithmetic", inner[1:-1]
    parts.append(Part(kind, inner, quoted=quoted, raw=raw))
    return end + 1


def _backtick(text: str, at: int) -> int:
    end = at + 1
    while end < len(text) and text[end] != "`":
        end += 2 if text[end] == "\\" else 1
    if end >= len(text):
        raise BrokenShellError("a backtick is never closed", at)
    return end


def _ansi(text: str, at: int, parts: list[Part]) -> int:
    """`$'…'`: C's escapes, the common ones."""
    made: list[str] = []
    end = at + 2
    while end < len(text) and text[end] != "'":
        if text[end] == "\\":
            escaped = text[end + 1 : end + 2]
            made.append(_ESCAPES.get(escaped, escaped if escaped in "\\'\"?" else "\\" + escaped))
            end += 2
        else:
            made.append(text[end])
            end += 1
    if end >= len(text):
        raise BrokenShellError("a single quote is never closed", at)
    parts.append(Part("text", "".join(made), quoted=True, raw=text[at : end + 1]))
    return end + 1
