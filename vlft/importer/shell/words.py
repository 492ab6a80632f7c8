"""Words of the shell: where quotes and expansions end, and what a word consists of."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_DEPTH: Final = 40
"""Substitutions and blocks inside each other."""

_ATOM: Final = re.compile(
    r"\\(?:.|\Z)|'[^']*'|`(?:[^`\\]|\\.)*`|\$(?:'(?:[^'\\]|\\.)*'|[A-Za-z_]\w*|[0-9@*#?$!-])",
    re.DOTALL | re.ASCII,
)
_HERE_DOCUMENT: Final = re.compile(
    r"<<(?P<tabs>-?)[ \t]*(?P<name>\\?[A-Za-z_!.][\w.!-]*|'[^'\n]+'|\"[^\"\n]+\")"
)
_PLAIN: Final = re.compile(r"[^\\'\"`$<>(){}\[\]#]+")
_TEXT: Final = re.compile(r"[^\\'\"`$<>]+")
_CLOSERS: Final = {"(": ")", "{": "}", "[": "]", '"': '"'}
_OPENERS: Final = {
    "'": "a single quote", '"': "a double quote", "`": "a backtick", "(": "`(`", "{": "`{`",
    "[": "`[`",
}  # fmt: skip
_ESCAPES: Final = {
    "n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "e": "\x1b", "f": "\f", "v": "\v",
}  # fmt: skip
_RANGE: Final = re.compile(
    r"(-?\d{1,6})\.\.(-?\d{1,6})(?:\.\.(-?\d{1,4}))?|([A-Za-z])\.\.([A-Za-z])"
)
_MAX_WORDS: Final = 256
_MAX_PIECES: Final = 2000
_REMEMBERED: Final = 4096
"""Words that are kept as read, for loops that go through them again."""


class SyntaxProblemError(Exception):
    """A text that no shell could read to its end.

    Args:
        message: What is wrong.
        offset: Where that begins.
    """

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset


class HereDocument(Struct, frozen=True):
    """`<<NAME`.

    Attributes:
        name: The line that ends its text.
        offset: Where the name begins.
        begin: Where what announces it ends.
        tabs: Whether tabs may stand before the last line.
    """

    name: str
    offset: int
    begin: int
    tabs: bool

    @property
    def never_ends(self) -> str:
        """What is wrong if no such line is there."""
        return f"the here-document `{self.name[:40]}` never ends"

    def end(self, text: str, start: int) -> int | None:
        """Where the line after it begins; None if it never ends."""
        tabs = r"\t*" if self.tabs else ""
        last = re.compile(rf"^{tabs}{re.escape(self.name)}\r?$", re.MULTILINE)
        found = last.search(text, start)
        return min(found.end() + 1, len(text)) if found is not None else None


def announced_document(text: str, at: int) -> HereDocument | None:
    """The here-document that is announced at this offset."""
    found = _HERE_DOCUMENT.match(text, at) if text[at - 1 : at] != "<" else None
    if found is None:
        return None
    name = found["name"].strip("'\"").lstrip("\\")
    return HereDocument(name, found.start("name"), found.end(), bool(found["tabs"]))


def atom_end(text: str, at: int, depth: int = 0, *, double: bool = False) -> int:
    """Where a quote, an escape or an expansion ends; its begin if none begins here.

    Args:
        text: The script.
        at: Where it begins.
        depth: Of what it stands in.
        double: Whether that is double quotes.

    Raises:
        SyntaxProblemError: It is never closed.
    """
    head, after = text[at], text[at + 1 : at + 2]
    if head == '"':
        return _closed(text, at, depth, double=True)
    if head == "$" and (after in ("(", "{", "[") or (after == '"' and not double)):
        return _closed(text, at + 1, depth, double=after == '"' or (double and after == "{"))
    if head in "<>" and after == "(" and not double:
        return _closed(text, at + 1, depth, double=False)
    literal = double and (head == "'" or text.startswith("$'", at))
    found = None if literal else _ATOM.match(text, at)
    if found is None and head in "'`" and not literal:
        raise SyntaxProblemError(f"{_OPENERS[head]} is never closed", at)
    return found.end() if found is not None else at


def _closed(text: str, start: int, depth: int, *, double: bool) -> int:
    """Where the bracket or quote is closed that opens here."""
    opener = text[start]
    closer = _CLOSERS[opener]
    if depth >= MAX_DEPTH:
        raise SyntaxProblemError(f"more than {MAX_DEPTH} substitutions inside each other", start)
    commands = opener == "(" and text[start + 1 : start + 2] != "("
    at, level = start + 1, 0
    while at < len(text):
        plain = _PLAIN.match(text, at)
        if plain is not None:
            at = plain.end()
            continue
        char = text[at]
        document = announced_document(text, at) if commands and char == "<" else None
        if char == closer and level == 0:
            return at + 1
        if char == closer or (char == opener and char in "(["):
            level += 1 if char == opener else -1
            at += 1
        elif commands and char == "#" and text[at - 1].isspace():
            at = _line_end(text, at)
        elif document is not None:
            line = _line_end(text, document.begin) + 1
            at = document.end(text, line) or document.begin
        else:
            at = max(atom_end(text, at, depth + 1, double=double), at + 1)
    raise SyntaxProblemError(f"{_OPENERS[opener]} is never closed", start)


def _line_end(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end


class Part(Struct, frozen=True):
    """A piece of a word.

    Attributes:
        text: The text without its quotes; of an expansion, as it is written.
        quoted: Whether it stands in quotes, so that it is not split at blanks.
        expands: Whether it is an expansion.
    """

    text: str
    quoted: bool
    expands: bool = False


class Word(Struct, frozen=True):
    """A word before expansion.

    Attributes:
        parts: In order.
        offset: Where it begins.
        raw: As it is written.
    """

    parts: tuple[Part, ...]
    offset: int = 0
    raw: str = ""

    @property
    def bare(self) -> str | None:
        """The text of a word without quotes and expansions, as keywords have to be."""
        if any(part.quoted or part.expands for part in self.parts):
            return None
        return "".join(part.text for part in self.parts)


class Assignment(Struct, frozen=True):
    """`NAME=word`, or `NAME=(words)`.

    Attributes:
        name: The variable.
        words: One word, or the items of an array.
        array: Whether it is one.
        append: Whether it is `+=`.
        index: Of the one item; None for all of it.
    """

    name: str
    words: tuple[Word, ...]
    array: bool
    append: bool
    index: str | None


@lru_cache(_REMEMBERED)
def read_word(raw: str, offset: int) -> Word:
    """A word that stands in a script."""
    return Word(tuple(read_parts(raw)), offset, raw)


def read_parts(text: str, *, quoted: bool = False, double: bool = False) -> Iterator[Part]:
    """What a text consists of.

    Args:
        text: Of a word, or of a part of one.
        quoted: Whether it is not split at blanks.
        double: Whether it stands in double quotes.
    """
    at = 0
    while at < len(text):
        plain = _TEXT.match(text, at)
        try:
            end = plain.end() if plain is not None else atom_end(text, at, double=double)
        except SyntaxProblemError:  # as in a comment between the items of an array
            yield Part(text[at:], quoted)
            return
        piece = text[at : max(end, at + 1)]
        if plain is not None or end == at:
            yield Part(piece, quoted)
        elif piece[0] == "\\":
            kept = not double or piece[1:] in ("$", "`", '"', "\\", "\n")
            plain_text = (piece[1:] if kept else piece).strip("\n")
            if plain_text:
                yield Part(plain_text, quoted=True)
        elif piece[0] == "'":
            yield Part(piece[1:-1], quoted=True)
        elif piece.startswith("$'"):
            yield Part(_ansi(piece[2:-1]), quoted=True)
        elif piece.endswith('"') and piece.startswith(('"', '$"')):
            inner = piece[piece.index('"') + 1 : -1]
            yield from read_parts(inner, quoted=True, double=True)
            if not inner:
                yield Part("", quoted=True)
        else:
            yield Part(piece, quoted, expands=True)
        at = max(end, at + 1)


def _ansi(text: str) -> str:
    """`$'…'`: C's escapes, the common ones."""

    def char(found: re.Match[str]) -> str:
        return _ESCAPES.get(found[1], found[1] if found[1] in "\\'\"?" else found[0])

    return re.sub(r"\\(.)", char, text, flags=re.DOTALL)


_OPAQUE: Final = 0xF0000
"""Characters from here on stand for parts that braces do not look into."""

_PIECE: Final = re.compile("[\U000f0000-\U0010ffff]|[^\U000f0000-\U0010ffff]+")


def apart(word: Word) -> list[Word]:
    """`{a,b}` and `{1..3}`: the words that a word with braces stands for, or the word itself."""
    if len(word.parts) > _MAX_PIECES or not any("{" in part.text for part in word.parts):
        return [word]
    text = "".join(
        chr(_OPAQUE + index) if part.expands or part.quoted else part.text
        for index, part in enumerate(word.parts)
    )
    made = _braced(text, 0) if len(text) <= _MAX_PIECES else []
    if not 1 < len(made) <= _MAX_WORDS:
        return [word]

    def part(piece: str) -> Part:
        index = ord(piece[0]) - _OPAQUE
        return word.parts[index] if 0 <= index < len(word.parts) else Part(piece, quoted=False)

    return [Word(tuple(map(part, _PIECE.findall(one))), word.offset, word.raw) for one in made]


def _braced(text: str, depth: int) -> list[str]:
    for found in re.finditer(r"\{", text):
        start = found.start()
        pieces = _pieces(text, start + 1) if depth < 8 else []  # noqa: PLR2004 - braces in braces
        end = start + 1 + sum(map(len, pieces)) + len(pieces)
        choices = pieces if len(pieces) > 1 else _range(pieces[0]) if pieces else []
        if not choices:
            continue
        rest = _braced(text[end:], depth + 1)
        inner = [one for choice in choices for one in _braced(choice, depth + 1)]
        if len(inner) * len(rest) > _MAX_WORDS:
            return [text]
        return [text[:start] + one + after for one in inner for after in rest]
    return [text]


def _pieces(text: str, start: int) -> list[str]:
    """What stands between the commas of a brace; nothing if it is never closed."""
    made: list[str] = []
    level = 0
    for found in re.compile(r"[{},]").finditer(text, start):
        if level == 0 and found[0] in ",}":
            made.append(text[start : found.start()])
            start = found.end()
        if found[0] == "}" and level == 0:
            return made
        level += (found[0] == "{") - (found[0] == "}")
    return []


def _range(text: str) -> list[str]:
    """`1..9..2` and `a..e`; nothing if it is neither."""
    found = _RANGE.fullmatch(text)
    if found is None:
        return []
    if found[4] is not None:
        first, last = ord(found[4]), ord(found[5])
        step = 1 if first <= last else -1
        return [chr(code) for code in range(first, last + step, step)]
    start, end = int(found[1]), int(found[2])
    stride = abs(int(found[3] or 1)) or 1
    if abs(end - start) // stride >= _MAX_WORDS:
        return []
    padded = any(re.fullmatch(r"-?0\d+", text) for text in found.group(1, 2))
    width = max(len(found[1]), len(found[2])) if padded else 0
    sign = 1 if start <= end else -1
    return [f"{number:0{width}d}" for number in range(start, end + sign, sign * stride)]
