"""Heads of `for` and `case`, patterns, and `((…))`: what is read in another way than words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from vlft.importer.shell.brackets import BrokenShellError, closing
from vlft.importer.shell.building import Builder
from vlft.importer.shell.patterns import read_patterns
from vlft.importer.shell.redirects import read_argument
from vlft.importer.shell.syntax import Case
from vlft.importer.shell.words import Part, Word, read_word

if TYPE_CHECKING:
    from vlft.importer.shell.syntax import BlockKind


class Heads:
    """Reads them from where a reader stands.

    Args:
        text: The script.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.made = Builder()
        self._at = 0
        self._pattern = False

    def _argument(self) -> tuple[Word, int]:
        """The next word on this line."""
        return read_argument(self.text, self._at)

    def _for(self, offset: int, kind: BlockKind) -> None:
        self.made.open(kind, offset, self._at)
        word, self._at = self._argument()
        if word.bare == "" and self.text.startswith("((", self._at):
            self._counted(offset)
            return
        head = self.made.begin(offset, word.bare or word.raw)
        item, after = self._argument()
        if item.bare in ("", "do"):  # it goes through what it is called with
            head.words.append(read_word('"$@"', 0)[0])
        if item.bare == "in":
            self._at = after
            while True:
                item, after = self._argument()
                if after == self._at:
                    break
                head.words.append(item)
                self._at = after
        self.made.statements.append(head)
        self.made.begin(self._at)

    def _counted(self, offset: int) -> None:
        """`for ((i = 0; i < n; i++))`."""
        start = self._at
        self._at = closing(self.text, start) + 1
        parts = self.text[start + 2 : self._at - 2].split(";")
        name = re.match(r"\s*([A-Za-z_]\w*)", parts[0])
        if len(parts) != 3 or name is None:  # noqa: PLR2004 - start, test and step
            return
        head = self.made.begin(offset, name[1])
        head.clauses = (parts[0], parts[1], parts[2])
        self.made.statements.append(head)
        self.made.begin(self._at)

    def _case(self, offset: int) -> None:
        subject, self._at = self._argument()
        found = re.compile(r"\s*in\b").match(self.text, self._at)
        if found is None:
            raise BrokenShellError("`case` without `in`", offset)
        self._at = found.end()
        self.made.open("case", offset, self._at)
        self.made.cases[offset] = Case(subject)
        self._pattern = True

    def _skip_pattern(self) -> None:
        text, start = self.text, self._at
        if re.compile(r"esac\b").match(text, start):
            self._pattern = False
            self._at += 4
            self.made.close(self._at)
            return
        words, self._at = read_patterns(text, start)
        if self.made.blocks and self.made.blocks[-1].offset in self.made.cases:
            self.made.cases[self.made.blocks[-1].offset].patterns.append(words)
        self._pattern = False
        self.made.next_arm(self._at)

    def _sum(self, offset: int, end: int) -> None:
        """`((…))`: a command of one word, which the arithmetic is."""
        raw = self.text[offset : end + 1]
        current = self.made.current
        current.offset = offset
        self._at = end + 1
        for kind, text in (("text", "(("), ("arithmetic", raw[2:-2])):
            part = Part(kind, text, quoted=kind != "text", raw=raw)  # type: ignore[arg-type]
            current.words.append(Word((part,), offset, raw))
