"""`[[ … ]]`: its words, and whether it holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vlft.importer.shell.brackets import BrokenShellError
from vlft.importer.shell.conditions import compare, of_one
from vlft.importer.shell.expand import expand_one
from vlft.importer.shell.patterns import matches
from vlft.importer.shell.unset import taken_for_empty
from vlft.importer.shell.words import Part, Word, read_word

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vlft.importer.shell.texts import Text, Variables

_SIGNS: Final = ("&&", "||", "(", ")", "<", ">", "&", "|", ";")
_MAX_WORDS: Final = 200
_MAX_DEPTH: Final = 20


def read_double(text: str, start: int) -> tuple[list[Word], int]:
    """The words of a test, its brackets among them, and where it ends.

    Args:
        text: The whole text.
        start: Behind the brackets that open it.

    Raises:
        BrokenShellError: If it is never closed.
    """
    words = [_sign("[[", start - 2)]
    at = start
    while at < len(text):
        if text[at].isspace() or text.startswith("\\\n", at):
            at += 1 if text[at].isspace() else 2
            continue
        if text.startswith("]]", at) and not text[at + 2 : at + 3].isalnum():
            return [*words, _sign("]]", at)], at + 2
        sign = next((one for one in _SIGNS if text.startswith(one, at)), None)
        word, end = (_sign(sign, at), at + len(sign)) if sign else read_word(text, at)
        if end == at or len(words) > _MAX_WORDS:
            break
        words.append(word)
        at = end
    raise BrokenShellError("`[[` is never closed", start - 2)


def _sign(text: str, at: int) -> Word:
    return Word((Part("text", text, quoted=False, raw=text),), at, text)


def double_holds(words: Sequence[Word], variables: Variables, notes: list[str]) -> bool | None:
    """Whether a test is true; None if it looks at files, or is not understood.

    Args:
        words: With the brackets.
        variables: What the script has set.
        notes: Takes what was assumed.
    """
    test = _Test(words[1:-1], variables, notes)
    found = test.any_of(0)
    return found if test.at == len(test.words) else None


@dataclass
class _Test:
    """A test that is being read from left to right; unknown parts stay unknown."""

    words: Sequence[Word]
    variables: Variables
    notes: list[str]
    at: int = 0

    def any_of(self, depth: int) -> bool | None:
        found = [self._all_of(depth)]
        while self._takes("||"):
            found.append(self._all_of(depth))
        return True if True in found else None if None in found else False

    def _all_of(self, depth: int) -> bool | None:
        found = [self._one(depth)]
        while self._takes("&&"):
            found.append(self._one(depth))
        return False if False in found else None if None in found else True

    def _one(self, depth: int) -> bool | None:
        if self._takes("!"):
            found = self._one(depth + 1) if depth < _MAX_DEPTH else None
            return None if found is None else not found
        if depth < _MAX_DEPTH and self._takes("("):
            found = self.any_of(depth + 1)
            return found if self._takes(")") else None
        start = self.at
        while self.at < len(self.words) and self.words[self.at].bare not in ("&&", "||", ")"):
            self.at += 1
        return self._plain(self.words[start : self.at])

    def _takes(self, sign: str) -> bool:
        here = self.at < len(self.words) and self.words[self.at].bare == sign
        self.at += here
        return here

    def _plain(self, words: Sequence[Word]) -> bool | None:
        if len(words) == 1:
            value = self._text(words[0])
            return None if value.why is not None else bool(value.text)
        if len(words) == 2:  # noqa: PLR2004 - a sign and its word
            return of_one(words[0].bare or "", self._text(words[1]))
        if len(words) != 3:  # noqa: PLR2004 - two sides
            return None
        left, sign = self._text(words[0]), words[1].bare or ""
        if sign in ("=", "==", "!=") and left.why is None:
            found = matches(left.text, words[2], self.variables)
            return None if found is None else found == (sign != "!=")
        return compare(left, sign, self._text(words[2]))

    def _text(self, word: Word) -> Text:
        value = taken_for_empty(word, self.variables) or expand_one(word, self.variables)
        self.notes.extend(value.notes)
        return value
