"""A script with everything hidden that a grammar of bash could misread, and its tree.

Quotes, escapes and expansions become underscores, comments and here-documents blanks, and lines
that belong to one command are joined. No length changes: every offset is one of the script.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import Struct

import vlft
from vlft.importer.shell.words import (
    HereDocument,
    SyntaxProblemError,
    Word,
    announced_document,
    atom_end,
    read_word,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


_MAX_PARSE_S: Final = 15
_BOOT: Final = """
import sys
sys.path += sys.argv[1:]
from vlft.importer.shell.parse_worker import main
main()
"""
_PLAIN: Final = re.compile(r"[^\\'\"`$#<>\n]+")
_CUT: Final = re.compile(r"\\[ \t\r]+(?:#[^\n]*)?(?=\n|\Z)")
_BLANK_LINE: Final = re.compile(r"\n[ \t]*(?:\n|\Z)|\Z")
_GLUE: Final = re.compile(r"\\\n(?=--[A-Za-z]|swift[ \t]|[A-Z][A-Z0-9_]+=)")
_COMMENT: Final = re.compile(r"#[^\n]*")
_PLACEHOLDER: Final = re.compile(r"<[A-Za-z_][\w./:-]*>(?=[ \t]*(?:\\?\n|\Z|--|<|[A-Z_]+=))")
_HERE_STRING: Final = re.compile(r"<<<[ \t]*")
_APART: Final = " \t\n;&|()<>"
"""What ends a word."""

_BEFORE: Final = r"^|[\n;&|({!]|(?<![\w-])(?:then|do|else|elif|if|while|until|time)(?=[ \t])"
_START: Final = rf"(?P<start>(?:{_BEFORE})[ \t]*)"
"""What a command begins behind."""

_ARRAY: Final = re.compile(r"(?<=[\w\]+]=)\([^()]*\)")
_TEST: Final = re.compile(
    r"(?<![^\s;&|(!])(?:\[\[(?=\s)(?:(?!\[\[).)*?\s\]\](?=[\s;&|)]|\Z)"
    r"|\(\((?:[^()\n]|\((?:[^()\n]|\([^()\n]*\))*\))*\)\))",
    re.DOTALL,
)
_TIME: Final = re.compile(_START + r"time(?=[ \t]+[^\s;&|])", re.ASCII)
_REDIRECT: Final = re.compile(
    r"(?:(?<![^\s;&|()])[0-9]+|&)?(?:>>|>\||>&|<&|<>|>|<)[ \t]*[^\s;&|()<>]*"
)
_NEGATION: Final = re.compile(_START + r"!(?=\s)", re.ASCII)
_IN_WORD: Final = re.compile(
    r"[^ \t\n\w;&|(){}-]|(?<=[^\s;&|()])[{}]|\{(?!\s)|\}(?![\s;&|)]|\Z)", re.ASCII
)
_WORD: Final = re.compile(r"[^\s;&|()<>]+")
_COMMAND: Final = re.compile(r"[^;&|()\n]*")


def _hidden(found: re.Match[str]) -> str:
    return "_" * len(found[0])


def _blank(found: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", found[0])


class ParserError(Exception):
    """The parser crashed, or took too long."""


class Node(Struct, frozen=True):
    """A node of tree-sitter's tree."""

    kind: str
    start: int
    end: int
    children: tuple[Node, ...]


class Source:
    """A script, ready to be parsed.

    Args:
        text: The script, with line feeds at the ends of lines.

    Attributes:
        masked: Its words and operators, with quotes and expansions hidden.
        grammar: The same with arrays and tests as one word, and without redirections.
        broken: Why the rest can't be read, and where that begins.
        cuts: Offsets of backslashes with blanks after them.
        glued: Offsets of backslashes that make one word of a value and the flag after it.
        heredocs: Begin and end of the texts of here-documents.
        redirects: What was left out of the grammar, as it is written.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.broken: tuple[str, int] | None = None
        self.cuts: list[int] = []
        self.glued: list[int] = []
        self.heredocs: list[tuple[int, int]] = []
        self.redirects: list[str] = []
        self._here_strings: dict[int, Word] = {}
        self._announced: list[HereDocument] = []
        self.masked = self._masked()
        self.grammar = self._flat()

    def tree(self) -> Node:
        """The tree of the grammar's text, from a process of its own.

        Raises:
            ParserError: The process died, or takes too long.
        """
        packages = (find_spec(name) for name in ("tree_sitter", "tree_sitter_bash"))
        files = [vlft.__file__, *(package.origin for package in packages if package)]
        roots = dict.fromkeys(str(Path(file).resolve().parents[1]) for file in files if file)
        try:
            done = subprocess.run(
                [sys.executable, "-I", "-S", "-c", _BOOT, *roots],
                input=self.grammar.encode() + b"\n",
                capture_output=True,
                timeout=_MAX_PARSE_S,
                check=True,
                cwd="/",
            )
        except subprocess.TimeoutExpired:
            raise ParserError("the parser takes too long") from None
        except subprocess.CalledProcessError:
            raise ParserError("the parser crashes on it") from None
        waiting: list[Node] = []
        flat = iter(json.loads(done.stdout))
        for kind, start, end, count in zip(flat, flat, flat, flat, strict=True):
            at = len(waiting) - count
            waiting[at:] = [Node(kind, start, end, tuple(waiting[at:]))]
        return waiting[0]

    def words(self, start: int, end: int) -> list[Word]:
        """The words between two offsets."""
        return list(self._words(self.grammar, start, end))

    def inner_words(self, start: int, end: int, signs: str = "") -> list[Word]:
        """The words in an array or a test, which the grammar has as one; signs are words."""
        pattern = re.compile(f"{signs}|{_WORD.pattern}") if signs else _WORD
        return list(self._words(self.masked, start, end, pattern))

    def _words(
        self, masked: str, start: int, end: int, pattern: re.Pattern[str] = _WORD
    ) -> Iterator[Word]:
        for found in pattern.finditer(masked, start, end):
            yield read_word(self.text[found.start() : found.end()], found.start())

    def command_end(self, start: int) -> int:
        """Where the simple command ends that begins here."""
        found = _COMMAND.match(self.grammar, start)
        return found.end() if found is not None else start

    def here_string(self, start: int, end: int) -> Word | None:
        """The word behind `<<<` in a command."""
        return next((one for at, one in self._here_strings.items() if start <= at < end), None)

    def _masked(self) -> str:
        made: list[str] = []
        at = 0
        while at < len(self.text):
            plain = _PLAIN.match(self.text, at)
            piece = plain[0] if plain is not None else ""
            try:
                end = plain.end() if plain is not None else at
                if plain is None:
                    piece, end = self._special(at)
            except SyntaxProblemError as problem:
                self.broken = problem.message, problem.offset
                break
            made.append(piece)
            at = end
        if self.broken is None and self._announced:
            self.broken = self._announced[0].never_ends, self._announced[0].offset
        masked = "".join(made)
        if self.broken is not None:  # what holds the place is no command either
            opened = min(self.broken[1], len(masked))
            start = max(masked.rfind(one, 0, opened) for one in "\n;&|(") + 1
            masked = masked[:start]
        return masked.ljust(len(self.text))

    def _special(self, at: int) -> tuple[str, int]:
        """What stands for a character that is no plain one, and where that ends."""
        text = self.text
        head = text[at]
        if head == "\n":
            end = self._end_here_documents(at)
            return "\n".ljust(end - at), end
        if head == "#":
            found = _COMMENT.match(text, at) if text[at - 1 : at] in ("", *" \t\n;&|()") else None
            return (" " * len(found[0]), found.end()) if found is not None else ("_", at + 1)
        if head == "\\" and text[at + 1 : at + 2] in ("", *" \t\r\n"):
            return self._joined(at)
        if head in "<>":
            return self._angle(at)
        end = max(atom_end(text, at), at + 1)
        return "_" * (end - at), end

    def _angle(self, at: int) -> tuple[str, int]:
        text = self.text
        found = _PLACEHOLDER.match(text, at)
        if found is not None:
            return " " * len(found[0]), found.end()
        found = _HERE_STRING.match(text, at)
        if found is not None:
            end = self._word_end(found.end())
            self._here_strings[at] = read_word(text[found.end() : end], found.end())
            self.redirects.append(found[0])
            return " " * (end - at), end
        document = announced_document(text, at)
        if document is not None:
            self._announced.append(document)
            self.redirects.append("<<")
            return " " * (document.begin - at), document.begin
        end = atom_end(text, at)
        return ("_" * (end - at), end) if end > at else (text[at], at + 1)

    def _word_end(self, at: int) -> int:
        while at < len(self.text) and self.text[at] not in _APART:
            at = max(atom_end(self.text, at), at + 1)
        return at

    def _end_here_documents(self, line_end: int) -> int:
        """Where the texts of the here-documents end that a line announces."""
        at = line_end + 1
        while self._announced:
            document = self._announced.pop(0)
            end = document.end(self.text, at)
            self.heredocs.append((at, len(self.text) if end is None else end))
            if end is None:
                raise SyntaxProblemError(document.never_ends, document.offset)
            at = end
        return at

    def _joined(self, at: int) -> tuple[str, int]:
        """A backslash with blanks behind it, or at the end of a line."""
        text = self.text
        cut = _CUT.match(text, at)
        if cut is not None:
            self.cuts.append(at)
            end = cut.end() if _BLANK_LINE.match(text, cut.end()) else cut.end() + 1
            return " " * (end - at), end
        if at + 1 == len(text):
            return " ", at + 1
        if text[at + 1] != "\n":
            return "__", at + 2
        if _BLANK_LINE.match(text, at + 1):
            return " \n", at + 2
        before, after = text[at - 1 : at] or "\n", text[at + 2]
        if _GLUE.match(text, at) and not before.isspace() and before != "\\":
            self.glued.append(at)
            return "  ", at + 2
        return ("  " if before in _APART or after in _APART else "__"), at + 2

    def _flat(self) -> str:
        """What the parser reads: control flow, and words of letters."""
        made = _TEST.sub(_hidden, _ARRAY.sub(_hidden, self.masked)).replace("((", "__")
        made = _TIME.sub(lambda found: found["start"] + "    ", made)
        for found in _REDIRECT.finditer(made):
            self.redirects.append(self.text[found.start() : found.end()])
        made = _REDIRECT.sub(_blank, made)
        made = _NEGATION.sub(lambda found: found["start"] + "\0", made)
        return _IN_WORD.sub(lambda found: "!" if found[0] == "\0" else "_", made)
