"""A script as a syntax tree: tree-sitter's, of a text in which nothing it misreads is left.

Repairs change no length, so that every offset is one of the script: here-documents become
blanks, backticks become `${___}`, and lines that belong to one command are joined. What is
shown comes from the script as it was written.
"""

from __future__ import annotations

import re
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Final

import tree_sitter_bash
from tree_sitter import Language, Parser

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

MAX_DEPTH: Final = 40
"""Substitutions and blocks inside each other."""

MAX_COMMANDS: Final = 5_000
"""Commands in a script; each stands for several steps where loops and functions repeat it."""

MAX_WORDS: Final = 20_000
_MAX_BRACKETS: Final = 400
_MAX_REPAIRS: Final = 1000
"""Places of one kind that are repaired: to find where one stands takes time."""

_OPAQUE: Final = frozenset({
    "comment", "raw_string", "ansi_c_string", "heredoc_body", "heredoc_content", "heredoc_end",
})  # fmt: skip
"""Nodes in which a text means itself."""

_JOINS: Final = re.compile(
    rb"(?P<cut>\\[ \t\r]+(?:#[^\n]*)?(?=\n|\Z))|(?P<end>\\\n(?=[ \t]*(?:\n|\Z))|\\\Z)"
    rb"|(?<=[^\s\\])(?P<glue>\\\n(?=--[A-Za-z]|swift[ \t]|[A-Z][A-Z0-9_]+=))"
)
_BLANK_LINE: Final = re.compile(rb"\n[ \t]*(?:\n|\Z)|\Z")
_HEREDOC: Final = re.compile(rb"(?<!<)<<(-?)[ \t]*(\\?[\w.!-]+|'[^'\n]+'|\"[^\"\n]+\")")
_PLACEHOLDER: Final = re.compile(rb"<[A-Za-z_][\w./:-]*>(?=[ \t]*(?:\\?\n|\Z|--|<|[A-Z_]+=))")
_QUOTE: Final = re.compile(
    rb"\\.|\$'(?:[^'\\]|\\.)*'|'[^']*'|\"|`(?:[^`\\]|\\.)*`|(?<![^\s;])#[^\n]*", re.DOTALL
)
_PARAMETER: Final = re.compile(rb"\$\{[^{}'\"`\\]*\}")
_BRACKET: Final = re.compile(rb"(?<![^\s;&|(!])\[(?=[ \t][^\]\n]*$)", re.MULTILINE)
"""A test that is never closed: a command like any other."""

_QUOTED: Final = re.compile(
    rb"(?P<skip>\\.|(?<![^\s;])#[^\n]*|\$'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`)|'[^']*'"
    rb"|\"(?:[^\"\\$`]|\\.|\$(?!\()|`[^`]*`"
    rb"|\$\((?:[^()\"']|\"[^\"]*\"|'[^']*'|\((?:[^()]|\([^()]*\))*\))*\))*\""
    rb"|(?P<open>['\"`])",
    re.DOTALL,
)
_TIME: Final = re.compile(
    rb"(?:^|[;&|({!]|\bthen\b|\bdo\b)[ \t]*time(?=[ \t]+[^\s;&|])", re.MULTILINE
)
_OPENERS: Final = {
    "'": "a single quote", '"': "a double quote", "`": "a backtick", "$(": "`(`", "$((": "`(`",
    "(": "`(`", "${": "`{`", "[[": "`[[`", "((": "`(`", "<(": "`(`",
}  # fmt: skip

_CLOSERS: Final = {
    "$(": (")",), "(": (")",), "<(": (")",), "$((": ("))", ")"), "((": ("))", ")"), "${": ("}",),
    "[[": ("]]",),
}  # fmt: skip


@cache
def _parser() -> Parser:
    return Parser(Language(tree_sitter_bash.language()))


class Source:
    """A script, parsed.

    Args:
        text: The script, with line feeds at the ends of lines.
        is_part: Whether it is a part of one that was parsed already.

    Attributes:
        root: The tree.
        edited: What it is the tree of: as long as the script.
        broken: Why the rest can't be read, and where that begins.
        cuts: Offsets of backslashes with blanks after them.
        glued: Offsets of backslashes that make one word of a value and the flag after it.
        heredocs: Begin and end of the texts of here-documents.
    """

    def __init__(self, text: bytes, *, is_part: bool = False) -> None:
        self.text = text
        self._is_part = is_part
        self.broken: tuple[str, int] | None = _too_deep(text)
        self.cuts: list[int] = []
        self.glued: list[int] = []
        self.heredocs: list[tuple[int, int]] = []
        self.opaque: set[int] = set()
        self._open = 0
        self.edited = bytearray(b"" if self.broken is not None else text)
        self.root = self._parsed()
        if self._repaired():
            self.root = self._parsed()
        if self.root.has_error and is_part:
            self._hide(_PARAMETER)
            self.root = self._parsed()
        elif self.root.has_error:
            for found in self._outside(_BRACKET):
                self.edited[found.start()] = ord("_")
            self._hide(_QUOTED)
            self._hide(_PARAMETER)
            self.root = self._parsed()
        if self.root.has_error and self.broken is None:
            self._find_open()

    def raw(self, node: Node) -> str:
        """A node as it is written."""
        return self.between(node.start_byte, node.end_byte)

    def between(self, start: int, end: int) -> str:
        """The script from one offset to another."""
        return self.text[start:end].decode("utf-8", "replace")

    def is_open(self, node: Node) -> bool:
        """Whether a command ends in something that is never closed."""
        if self.broken is None:
            return False
        gap = self.text[node.end_byte : self._open]
        return node.end_byte > self._open or not gap.strip(b" \t\\\n=")

    def end(self, message: str, offset: int) -> None:
        """Keeps what begins here from being read."""
        self.broken = message, offset
        self._open = offset

    def is_past(self, node: Node) -> bool:
        """Whether a statement begins where nothing is read."""
        return self.broken is not None and node.start_byte >= self._open

    def _parsed(self) -> Node:
        return _parser().parse(bytes(self.edited) + b"\n").root_node

    def _repaired(self) -> bool:
        """Changes what the parser would misread, as far as it stands in commands."""
        before = bytes(self.edited)
        for found in self._outside(_TIME):
            self._blank(found.end() - 4, found.end())
        self._end_heredocs(before)
        for found in self._outside(_JOINS):
            self._join(found)
        for found in self._outside(_PLACEHOLDER):
            self._blank(*found.span())
        self._hide_quotes()
        return bytes(self.edited) != before

    def _outside(self, pattern: re.Pattern[bytes]) -> Iterator[re.Match[bytes]]:
        """Where a pattern is found outside of quotes."""
        for found in islice(pattern.finditer(bytes(self.edited)), _MAX_REPAIRS):
            node = self.root.descendant_for_byte_range(found.start(), found.start() + 1)
            quoted = node is not None and node.type in ("string", "string_content")
            if not quoted and not self._is_opaque(found.start()):
                yield found

    def _join(self, found: re.Match[bytes]) -> None:
        """Makes one command of lines that are meant as one."""
        start, end = found.span()
        self.edited[start:end] = b" " * (end - start)
        if found["cut"]:
            self.cuts.append(start)
            if not _BLANK_LINE.match(self.edited, end):
                self.edited[end - 1] = ord("\\")
        elif found["end"] == b"\\\n":
            self.edited[end - 1] = ord("\n")
        elif found["glue"]:
            self.glued.append(start)

    def _blank(self, start: int, end: int) -> None:
        self.edited[start:end] = re.sub(rb"[^\n]", b" ", bytes(self.edited[start:end]))

    def _hide(self, pattern: re.Pattern[bytes]) -> None:
        """Writes `${___}` for what matches, which is parsed by itself when it is expanded."""
        before = bytes(self.edited)
        at = tries = 0
        while tries < _MAX_REPAIRS and (found := pattern.search(before, at)) is not None:
            tries += 1
            start, end = found.span()
            at = end
            groups = found.groupdict()
            if groups.get("open"):
                name = _OPENERS[groups["open"].decode()]
                self.end(f"{name} is never closed", start)
                break
            if groups.get("skip") or before[start - 1 : start] == b"\\":
                continue
            if pattern is not _QUOTED and self._is_opaque(start):
                at = start + 1
            else:
                self._cover(start, end)

    def _hide_quotes(self) -> None:
        """Hides escapes and backticks, which the grammar takes for the end of a word."""
        before = bytes(self.edited)
        several = before.count(b"`") > 2  # noqa: PLR2004 - one on a line it reads well
        at, quoted = 0, False
        while (found := _QUOTE.search(before, at)) is not None:
            start, at = found.span()
            kind = found[0][:1]
            if kind == b'"':
                quoted = not quoted
            elif quoted and kind in b"'#$":
                at = start + 1
            elif kind == b"\\" and not found[0][1:].isalnum() and found[0] != b"\\\n":
                self.edited[start:at] = b"::"
            elif kind == b"`" and several:
                self._cover(start, at)

    def _cover(self, start: int, end: int) -> None:
        whole = self._is_part and (start, end) == (2, len(self.text))
        if end - start > 3 and not whole:  # noqa: PLR2004 - `${_}`
            self.edited[start:end] = b"${" + b"_" * (end - start - 3) + b"}"
            self.opaque.add(end)

    def _end_heredocs(self, text: bytes) -> None:
        """Takes here-documents out, with what announces them."""
        done = 0
        for found in islice(_HEREDOC.finditer(text), _MAX_REPAIRS):
            node = self.root.descendant_for_byte_range(found.start(), found.start() + 1)
            above = node.parent if node is not None else None
            kinds = {one.type for one in (node, above) if one is not None}
            if found.start() < done or not kinds & {"heredoc_redirect", "ERROR"}:
                continue
            name = found[2].strip(b"'\"").lstrip(b"\\")
            line = text.find(b"\n", found.end())
            start = max(line + 1, done) if line >= 0 else len(text)
            tabs = rb"\t*" if found[1] else b""
            last = re.compile(rb"^%s%s\r?$" % (tabs, re.escape(name)), re.MULTILINE)
            end = last.search(text, start)
            if end is None and self.broken is None:
                shown = name[:40].decode("utf-8", "replace")
                self.broken = f"the here-document `{shown}` never ends", found.start(2)
                self._open = found.start()
            done = end.end() if end is not None else len(text)
            self._blank(found.start(), found.end())
            self._blank(start, done)
            self.heredocs.append((start, min(done + 1, len(text))))

    def _is_opaque(self, offset: int) -> bool:
        node = self.root.descendant_for_byte_range(offset, offset + 1)
        while node is not None and node.type not in _OPAQUE:
            node = node.parent
        return node is not None

    def _find_open(self) -> None:
        """Finds a bracket that is never closed: its error reaches to the end of the script."""
        end = len(bytes(self.edited).rstrip())
        for node in errors(self.root):
            if node.end_byte < end or self.broken is not None:
                continue
            opened = _opened(node.parent if node.is_missing else node)
            if opened is not None:
                name, at = opened
                self.broken = f"{_OPENERS[name]} is never closed", at + name.count("$")
                self._open = at
                return
            blocks = [one for one in node.children if one.type in ("if", "{", "for", "while")]
            if len(blocks) > MAX_DEPTH:
                message = f"more than {MAX_DEPTH} blocks inside each other"
                self.broken = message, blocks[MAX_DEPTH].start_byte
                self._open = blocks[0].start_byte


def _opened(node: Node | None) -> tuple[str, int] | None:
    """The outermost token of an error that opens something, without one that closes it."""
    opened: list[tuple[str, int]] = []
    for name, at in _tokens(node):
        if opened and name in _CLOSERS.get(opened[-1][0], ()):
            opened.pop()
        elif name in _OPENERS:
            opened.append((name, at))
    return opened[0] if opened else None


def _tokens(node: Node | None) -> Iterator[tuple[str, int]]:
    """What an error consists of, as far as it was read: each token with its offset."""
    for one in node.children if node is not None else ():
        if one.type == "ERROR" and not one.children:
            yield (one.text or b"")[:1].decode("utf-8", "replace"), one.start_byte
        elif not one.is_named and not one.is_missing:
            yield one.type, one.start_byte
        elif one.type == "ERROR":
            yield from _tokens(one)


def errors(root: Node) -> Iterator[Node]:
    """Where a tree is not one of bash."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if node.type == "ERROR" or node.is_missing:
            yield node
        if node.has_error:
            waiting += reversed(node.children)


def _too_deep(text: bytes) -> tuple[str, int] | None:
    """Brackets and redirections that the parser would take hours for."""
    depth = 0
    for found in re.finditer(rb"[({\[]|[)}\]]", text):
        depth = depth + 1 if found[0] in b"({[" else max(0, depth - 1)
        if depth > _MAX_BRACKETS:
            return f"more than {_MAX_BRACKETS} brackets inside each other", found.start()
    for count, found in enumerate(re.finditer(rb">[ \t]+<", text)):
        if count > _MAX_REPAIRS:
            return f"more than {_MAX_REPAIRS:,} redirections side by side", found.start()
    return None
