"""Words → simple commands, with the control flow that they stand in."""

from __future__ import annotations

import re
from typing import Final

from vlft.importer.shell.arrays import read_items
from vlft.importer.shell.brackets import BrokenShellError, closing
from vlft.importer.shell.double import read_double
from vlft.importer.shell.heads import Heads
from vlft.importer.shell.heredocs import heredoc_end
from vlft.importer.shell.redirects import read_redirect
from vlft.importer.shell.syntax import Assignment, BlockKind, Statement
from vlft.importer.shell.words import BLANKS, Part, Word, cut_line, is_glue, read_word

_ASSIGNMENT: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(\[[^\]]*\])?(\+?=)")
_ARRAY: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\+?=")
_OPENERS: Final[dict[str, BlockKind]] = {"if": "if", "while": "while", "until": "until"}
_CLOSERS: Final = frozenset({"fi", "done", "esac", "}"})
_DECLARE: Final = frozenset({"declare", "local", "typeset", "readonly", "export"})
_OPERATOR: Final = re.compile(r";;&|;;|;&|&&|\|\||\|&|[;&|()]")


class Reader(Heads):
    """Reads a script from its first character to its last, once.

    Args:
        text: The script, with line feeds at the ends of lines.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.heredocs: list[tuple[int, int]] = []
        self._pending: list[tuple[str, bool, int]] = []

    def read(self) -> list[Statement]:
        """All simple commands, in the order of the text.

        Raises:
            BrokenShellError: Where the rest can't be read; what came before stands in
                `made`.
        """
        while self._at < len(self.text):
            self._step()
        self.made.end("", self._at)
        if self._pending:
            raise BrokenShellError("a here-document never begins", self._pending[0][2])
        return self.made.statements

    def _step(self) -> None:
        text, at = self.text, self._at
        char = text[at]
        if char in BLANKS:
            self._at += 1
        elif char == "\n":
            self._at += 1
            self.made.end("", self._at)
            for name, tabs, offset in self._pending:
                start, self._at = self._at, heredoc_end(text, self._at, name, offset, tabs=tabs)
                self.heredocs.append((start, self._at))
            self._pending.clear()
        elif text.startswith("\\\n", at):
            self._at += 2
        elif (after := cut_line(text, at)) is not None:
            self.made.current.cuts.append(at)
            self._at = after
        elif char == "#":
            end = text.find("\n", at)
            self._at = len(text) if end < 0 else end
        elif self._pattern:
            self._skip_pattern()
        elif self._redirect():
            pass
        elif (operator := _OPERATOR.match(text, at)) is not None:
            self._operator(operator[0])
        else:
            self._word()

    def _word(self) -> None:
        text, start = self.text, self._at
        current = self.made.current
        if current.empty:
            current.offset = start
        word, self._at = read_word(text, start)
        if self._at > start and is_glue(text, self._at):
            current.glued.append(self._at)
        if self._at == start:  # a backslash that ends the text
            self._at += 1
            return
        bare = word.bare
        if current.empty and bare is not None and self._keyword(bare, start):
            return
        if self._at < len(text) and text[self._at] == "(" and self._bracket(word):
            return
        found = _ASSIGNMENT.match(word.raw)
        if found is not None and self._takes_assignments():
            value, _ = read_word(text, start + found.end())
            name, index, sign = found.groups()
            current.assignments.append(
                Assignment(
                    name,
                    (value,),
                    array=index is not None,
                    append=sign == "+=",
                    index=index[1:-1] if index else None,
                )
            )
            return
        current.words.append(word)

    def _takes_assignments(self) -> bool:
        words = self.made.current.words
        return not words or words[0].bare in _DECLARE

    def _bracket(self, word: Word) -> bool:
        """An array's items, or a function's head, after a word."""
        if _ARRAY.fullmatch(word.raw) and self._takes_assignments():
            items, self._at = read_items(self.text, self._at)
            name = word.raw.rstrip("+=")
            append = word.raw.endswith("+=")
            made = Assignment(name, items, array=True, append=append)
            self.made.current.assignments.append(made)
            return True
        end = closing(self.text, self._at)
        if self.made.current.empty and not self.text[self._at + 1 : end].strip():
            self._at = end + 1
            self.made.open("function", word.offset, self._at, word.raw)
            return True
        if (
            not self.made.current.empty
        ):  # a pattern such as @(a|b): part of a word that can't be known
            raw = self.text[self._at : end + 1]
            part = Part("command", raw, quoted=False, raw=raw)
            self.made.current.words.append(Word((*word.parts, part), word.offset, word.raw + raw))
            self._at = end + 1
            return True
        return False

    def _keyword(self, word: str, offset: int) -> bool:
        """Minds a word that only means something as the first of a command."""
        if word in _CLOSERS:
            self.made.close(self._at)
        elif word in ("then", "elif", "else", "do"):
            self.made.next_arm(self._at, otherwise=word == "else")
        elif word in _OPENERS:
            self.made.open(_OPENERS[word], offset, self._at)
        elif word == "{":
            if not self.made.opens_body(word):
                self.made.open_group(offset, self._at)
        elif word == "!":
            self.made.current.negated = True
        elif word not in ("time", "coproc"):
            return self._compound(word, offset)
        return True

    def _compound(self, word: str, offset: int) -> bool:
        """`for`, `case`, `function` and `[[`, which have a head of their own."""
        if word in ("for", "select"):
            self._for(offset, "for" if word == "for" else "while")
        elif word == "case":
            self._case(offset)
        elif word == "function":
            name, self._at = self._argument()
            self.made.open("function", offset, self._at, name.raw)
        elif word == "[[":
            words, self._at = read_double(self.text, self._at)
            self.made.current.words += words
        else:
            return False
        return True

    def _redirect(self) -> bool:
        """Passes over `> file`, `2>&1`, `<<EOF` and the like."""
        found = read_redirect(self.text, self._at)
        if found is None:
            return False
        self._at = found.end
        if found.word is not None:
            self.made.current.words.append(found.word)
        self.made.current.here = found.here or self.made.current.here
        if found.heredoc is not None:
            self._pending.append(found.heredoc)
        return True

    def _operator(self, operator: str) -> None:
        offset = self._at
        self._at += len(operator)
        if operator == "(" and self.made.current.empty:
            if self.text.startswith("((", offset):
                end = closing(self.text, offset)
                if self.text[end - 1] == ")":
                    self._sum(offset, end)
                    return
            if not self.made.opens_body(operator):
                self.made.open_group(offset, self._at)
            return
        self.made.end(operator if operator in ("&&", "||", "|", "|&") else "", self._at)
        if operator in (";;", ";&", ";;&"):
            self._pattern = bool(self.made.blocks) and self.made.blocks[-1].kind == "case"
            if (
                self._pattern
                and operator != ";;"
                and self.made.blocks[-1].offset in self.made.cases
            ):
                self.made.cases[self.made.blocks[-1].offset].falls = True
        elif operator == ")":
            self.made.close_subshell(self._at)
