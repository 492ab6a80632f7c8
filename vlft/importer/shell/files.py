"""Where files lie: the script's own folder, and `$(cd … && pwd)`.

Nothing is opened. A path that the script makes absolute is made so here, from the folder that
the import is started in.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final

from vlft.importer.shell.texts import Text
from vlft.importer.shell.words import read_word

if TYPE_CHECKING:
    from collections.abc import Callable

    from vlft.importer.shell.texts import Variables
    from vlft.importer.shell.words import Word

    One = Callable[[Word, Variables, int], Text]

_GO: Final = re.compile(r"\s*(?:builtin\s+)?cd\s+(?:-P\s+|--\s+)*")
_SAY: Final = re.compile(
    r"(?:\s*(?:&>|[12]?>)\s*(?:/dev/null|&1))*\s*(?:&&|;)\s*pwd(?:\s+-[PL])?\s*"
)
REAL: Final = ("realpath", "readlink")
"""Programs that make a path absolute."""


def own_name(name: str, index: str | None, variables: Variables) -> Text | None:
    """`$0` and `${BASH_SOURCE[0]}`; None if it is neither, or the script has no file."""
    own = name == "0" or (name == "BASH_SOURCE" and index in (None, "0"))
    return Text(variables.script) if own and variables.script is not None else None


def folder_of(text: str, variables: Variables, depth: int, one: One) -> Text | None:
    """What `cd folder && pwd` prints; None if the text is something else.

    Args:
        text: Inside of `$(…)`.
        variables: What the script has set.
        depth: Of substitutions inside each other.
        one: From a word to its text.
    """
    go = _GO.match(text)
    if go is None:
        return None
    word, end = read_word(text, go.end())
    if end == go.end() or _SAY.fullmatch(text, end) is None:
        return None
    folder = one(word, variables, depth + 1)
    return folder if folder.why is not None else absolute(folder, variables)


def moved(folder: Text | None, to: Text) -> Text:
    """Where a script is after `cd`.

    Args:
        folder: Where it was; None if that is where it was started.
        to: What `cd` is given.
    """
    if folder is None or folder.why is not None or to.why is not None:
        return to
    if to.text.startswith(("/", "~")):
        return to
    return Text(os.path.normpath(os.path.join(folder.text, to.text)), None, to.notes)  # noqa: PTH118


def work_folder(variables: Variables) -> Text:
    """What `pwd` prints: the folder of `cd`; without one, that of the config."""
    return Text(".") if variables.folder is None else absolute(Text("."), variables)


def real(words: list[str], variables: Variables) -> Text | None:
    """What `realpath` and `readlink -f` print; None if it is something else."""
    options = [word for word in words[1:] if word.startswith("-")]
    paths = [word for word in words[1:] if not word.startswith("-")]
    if words[0] not in REAL or len(paths) != 1 or options not in ([], ["-f"], ["-m"], ["-e"]):
        return None
    if words[0] == "readlink" and not options:
        return None
    return absolute(Text(paths[0]), variables)


def absolute(path: Text, variables: Variables) -> Text:
    """A path from the root of the file system."""
    folder = variables.folder
    if path.text.startswith("~") or "\0" in path.text:
        return Text(path.text, "the shell makes it absolute")
    if folder is not None and not path.text.startswith("/"):
        if folder.why is not None:
            return Text(path.text, folder.why)
        return Text(os.path.abspath(os.path.join(folder.text, path.text)), None, path.notes)  # noqa: PTH100, PTH118
    return Text(os.path.abspath(path.text), None, path.notes)  # noqa: PTH100 - no look at the disk
