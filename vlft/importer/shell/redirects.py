"""`> file`, `2>&1`, `<<EOF`, `<(…)`: what stands in a command and is none of its words."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from vlft.importer.shell.brackets import closing
from vlft.importer.shell.words import BLANKS, Part, Word, read_word

_HEREDOC: Final = re.compile(r"<<(-?)[ \t]*")
_REDIRECT: Final = re.compile(r"(?:&>>?|[0-9]*(?:<<<|<>|<&|>>|>&|>\||<|>))")


@dataclass(frozen=True, slots=True)
class Redirect:
    """One redirection.

    Attributes:
        end: Where it ends.
        word: `<(…)`, which becomes a word of the command.
        heredoc: The word that ends a here-document, whether tabs before it are passed over,
            and where it was announced.
        here: The word behind `<<<`.
    """

    end: int
    word: Word | None = None
    heredoc: tuple[str, bool, int] | None = None
    here: Word | None = None


def read_redirect(text: str, at: int) -> Redirect | None:
    """The redirection that begins here; None if there is none.

    Raises:
        BrokenShellError: If it is never closed.
    """
    found = _REDIRECT.match(text, at)
    if found is None:
        return None
    if found[0] in ("<", ">") and text.startswith("(", found.end()):
        end = closing(text, found.end())
        raw = text[at : end + 1]
        return Redirect(end + 1, Word((Part("command", raw, quoted=True, raw=raw),), at, raw))
    heredoc = _HEREDOC.match(text, at + len(found[0].rstrip("<>&|")))
    if heredoc is not None and not text.startswith("<<<", heredoc.start()):
        word, end = read_argument(text, heredoc.end())
        name = "".join(part.text for part in word.parts)
        return Redirect(end, heredoc=(name, heredoc[1] == "-", word.offset))
    word, end = read_argument(text, found.end())
    return Redirect(end, here=word if found[0] == "<<<" else None)


def read_argument(text: str, at: int) -> tuple[Word, int]:
    """The next word on this line, and where it ends.

    Raises:
        BrokenShellError: If it is never closed.
    """
    while at < len(text) and text[at] in BLANKS:
        at += 1
    word, end = read_word(text, at)
    return word, max(end, at)
