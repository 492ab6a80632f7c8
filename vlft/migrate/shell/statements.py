"""Words → simple commands, with the control flow that they stand in."""

from __future__ import annotations

import re
from typing import Final

from vlft.migrate.shell.arrays import read_items
from vlft.migrate.shell.heredocs import heredoc_end
from vlft.migrate.shell.syntax import Assignment, Block, BlockKind, Statement
from vlft.migrate.shell.words import (
    BLANKS,
    MAX_DEPTH,
    BrokenShellError,
    Part,
    Word,
    closing,
    cut_line,
    read_word,
)

MAX_STATEMENTS: Final = 20_000

_ASSIGNMENT: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(\[[^\]]*\])?(\+?=)")
_ARRAY: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\+?=")
_OPENERS: Final[dict[str, BlockKind]] = {"if": "if", "while": "while", "until": "while"}
_CLOSERS: Final = frozenset({"fi", "done", "esac", "}"})
_DECLARE: Final = frozenset({"declare", "local", "typeset", "readonly", "export"})
_HEREDOC: Final = re.compile(r"<<(-?)[ \t]*")
_REDIRECT: Final = re.compile(r"(?:&>>?|[0-9]*(?:<<<|<>|<&|>>|>&|>\||<|>))")
_OPERATOR: Final = re.compile(r";;&|;;|;&|&&|\|\||\|&|[;&|()]")


class Reader:
    """Reads a script from its first character to its last, once.

    Args:
        text: The script, with line feeds at the ends of lines.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.statements: list[Statement] = []
        self.heredocs: list[tuple[int, int]] = []
        self._at = 0
        self._blocks: list[Block] = []
        self._pending: list[tuple[str, bool, int]] = []
        self._current = Statement(0, ())
        self._joined = ""
        self._pattern = False

    def read(self) -> list[Statement]:
        """All simple commands, in the order of the text.

        Raises:
            BrokenShellError: Where the rest can't be read; what came before stands in
                `statements`.
        """
        while self._at < len(self.text):
            self._step()
        self._end("")
        if self._pending:
            raise BrokenShellError("a here-document never begins", self._pending[0][2])
        return self.statements

    def _step(self) -> None:
        text, at = self.text, self._at
        char = text[at]
        if char in BLANKS:
            self._at += 1
        elif char == "\n":
            self._at += 1
            self._end("")
            for name, tabs, offset in self._pending:
                start, self._at = self._at, heredoc_end(text, self._at, name, offset, tabs=tabs)
                self.heredocs.append((start, self._at))
            self._pending.clear()
        elif text.startswith("\\\n", at):
            self._at += 2
        elif (after := cut_line(text, at)) is not None:
            self._current.cuts.append(at)
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
        current = self._current
        if current.empty:
            current.offset = start
        word, self._at = read_word(text, start)
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
                Assignment(name, (value,), array=index is not None, append=sign == "+=")
            )
            return
        current.words.append(word)

    def _takes_assignments(self) -> bool:
        words = self._current.words
        return not words or words[0].bare in _DECLARE

    def _bracket(self, word: Word) -> bool:
        """An array's items, or a function's head, after a word."""
        if _ARRAY.fullmatch(word.raw) and self._takes_assignments():
            items, self._at = read_items(self.text, self._at)
            name = word.raw.rstrip("+=")
            append = word.raw.endswith("+=")
            made = Assignment(name, items, array=True, append=append)
            self._current.assignments.append(made)
            return True
        end = closing(self.text, self._at)
        if self._current.empty and not self.text[self._at + 1 : end].strip():
            self._at = end + 1
            self._open("function", word.offset)
            return True
        if not self._current.empty:  # a pattern such as @(a|b): part of a word that can't be known
            raw = self.text[self._at : end + 1]
            part = Part("command", raw, quoted=False, raw=raw)
            self._current.words.append(Word((*word.parts, part), word.offset, word.raw + raw))
            self._at = end + 1
            return True
        return False

    def _keyword(self, word: str, offset: int) -> bool:
        """Minds a word that only means something as the first of a command."""
        if word in _CLOSERS:
            self._close()
        elif word in ("then", "elif", "else", "do"):
            self._next_arm()
        elif word in _OPENERS:
            self._open(_OPENERS[word], offset)
        elif word == "{":
            if not (self._blocks and self._blocks[-1].kind == "function"):
                self._group(offset)
        elif word not in ("!", "time", "coproc"):
            return self._compound(word, offset)
        return True

    def _compound(self, word: str, offset: int) -> bool:
        """`for`, `case`, `function` and `[[`, which have a head of their own."""
        if word in ("for", "select"):
            self._for(offset)
        elif word == "case":
            self._case(offset)
        elif word == "function":
            _, self._at = self._argument()
            self._open("function", offset)
        elif word == "[[":
            end = self.text.find("]]", self._at)
            if end < 0:
                raise BrokenShellError("`[[` is never closed", offset)
            self._at = end + 2
            part = Part("text", word, quoted=False, raw=word)
            self._current.words.append(Word((part,), offset, word))
        else:
            return False
        return True

    def _argument(self) -> tuple[Word, int]:
        """The next word on this line."""
        while self._at < len(self.text) and self.text[self._at] in BLANKS:
            self._at += 1
        word, end = read_word(self.text, self._at)
        return word, max(end, self._at)

    def _for(self, offset: int) -> None:
        self._open("for", offset)
        word, self._at = self._argument()
        if word.bare == "" and self.text.startswith("((", self._at):
            self._at = closing(self.text, self._at) + 1
            return
        self._current = Statement(offset, tuple(self._blocks), loop=word.bare or word.raw)
        item, after = self._argument()
        if item.bare == "in":
            self._at = after
            while True:
                item, after = self._argument()
                if after == self._at:
                    break
                self._current.words.append(item)
                self._at = after
        self.statements.append(self._current)
        self._current = Statement(self._at, tuple(self._blocks))

    def _case(self, offset: int) -> None:
        _, self._at = self._argument()
        found = re.compile(r"\s*in\b").match(self.text, self._at)
        if found is None:
            raise BrokenShellError("`case` without `in`", offset)
        self._at = found.end()
        self._open("case", offset)
        self._pattern = True

    def _skip_pattern(self) -> None:
        text, start = self.text, self._at
        if re.compile(r"esac\b").match(text, start):
            self._pattern = False
            self._at += 4
            self._close()
            return
        if text[start] == "(":
            self._at += 1
        while self._at < len(text) and text[self._at] != ")":
            if text[self._at] == "|" or text[self._at] in " \t\r\n":
                self._at += 1
                continue
            _, end = read_word(text, self._at)
            if end == self._at:
                raise BrokenShellError("a pattern of `case` is never closed", start)
            self._at = end
        self._at += 1
        self._pattern = False
        self._next_arm()

    def _redirect(self) -> bool:
        """Skips `> file`, `2>&1`, `<<EOF` and the like."""
        text = self.text
        found = _REDIRECT.match(text, self._at)
        if found is None:
            return False
        if found[0] in ("<", ">") and text.startswith("(", found.end()):
            end = closing(text, found.end())
            raw = text[self._at : end + 1]
            part = Part("command", raw, quoted=True, raw=raw)
            self._current.words.append(Word((part,), self._at, raw))
            self._at = end + 1
            return True
        heredoc = _HEREDOC.match(text, self._at + len(found[0].rstrip("<>&|")))
        if heredoc is not None and not text.startswith("<<<", heredoc.start()):
            self._at = heredoc.end()
            word, self._at = self._argument()
            name = "".join(part.text for part in word.parts)
            self._pending.append((name, heredoc[1] == "-", word.offset))
            return True
        start = self._at
        self._at = found.end()
        _, self._at = self._argument()
        if self._at == start:
            self._at += 1
        return True

    def _operator(self, operator: str) -> None:
        offset = self._at
        self._at += len(operator)
        if operator == "(" and self._current.empty:
            if self.text.startswith("((", offset):
                end = closing(self.text, offset)
                if self.text[end - 1] == ")":
                    self._at = end + 1
                    return
            self._group(offset)
            return
        self._end(operator if operator in ("&&", "||", "|", "|&") else "")
        if operator in (";;", ";&", ";;&"):
            self._pattern = bool(self._blocks) and self._blocks[-1].kind == "case"
        elif operator == ")":
            self._close("group", "branch")

    def _end(self, operator: str) -> None:
        """Ends the current command."""
        current = self._current
        if not current.empty:
            current.joined = self._joined
            self.statements.append(current)
            self._joined = operator
            if len(self.statements) > MAX_STATEMENTS:
                raise BrokenShellError(f"more than {MAX_STATEMENTS:,} commands", self._at)
        elif operator:
            self._joined = operator
        self._current = Statement(self._at, tuple(self._blocks))

    def _group(self, offset: int) -> None:
        self._open("branch" if self._joined in ("&&", "||") else "group", offset)

    def _open(self, kind: BlockKind, offset: int) -> None:
        if len(self._blocks) >= MAX_DEPTH:
            raise BrokenShellError(f"more than {MAX_DEPTH} blocks inside each other", offset)
        arm = 1 if kind in ("function", "branch") else 0
        self._blocks.append(Block(kind, offset, arm))
        self._current = Statement(self._at, tuple(self._blocks))

    def _next_arm(self) -> None:
        if self._blocks:
            block = self._blocks[-1]
            self._blocks[-1] = Block(block.kind, block.offset, block.arm + 1)
        self._current = Statement(self._at, tuple(self._blocks))

    def _close(self, *kinds: BlockKind) -> None:
        if self._blocks and (not kinds or self._blocks[-1].kind in kinds):
            self._blocks.pop()
        self._current = Statement(self._at, tuple(self._blocks))
