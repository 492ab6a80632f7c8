"""Variables that a script tests, and nothing sets."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from vlft.importer.shell.lookup import CALLED_WITH
from vlft.importer.shell.texts import Text

if TYPE_CHECKING:
    from vlft.importer.shell.texts import Variables
    from vlft.importer.shell.words import Word

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_GIVEN: Final = re.compile(
    r"(SLURM|PBS|LSB|OMPI|PMI|CONDA|VIRTUAL|SSH|XDG|K8S|KUBERNETES)\w*|RANK|\w+_RANK|WORLD_SIZE|"
    r"HOME|USER|HOSTNAME|PATH|PWD|SHELL|TMPDIR|UID|EUID|RANDOM|SECONDS|LINENO|OSTYPE|HOSTTYPE|"
    r"MACHTYPE|IFS|BASH\w*|FUNCNAME|PIPESTATUS|PYTHONPATH|LD_LIBRARY_PATH|NODE_RANK|MASTER_ADDR"
)
"""What a machine or a scheduler sets, whatever a script does."""


def taken_for_empty(word: Word, variables: Variables) -> Text | None:
    """The empty text, for a word that is one variable which nothing sets; None for any other.

    It is the reading of `${NAME:-}`: a script that asks whether a variable is set can do
    without it.
    """
    if len(word.parts) != 1 or word.parts[0].kind != "variable":
        return None
    name = word.parts[0].text
    called = _called_with(name, variables)
    if called is not None:
        return called
    if not _NAME.fullmatch(name) or _GIVEN.fullmatch(name) or variables.sources:
        return None
    if name in variables.values or name in variables.own:
        return None
    return Text("", None, (f"`{name}` is taken for not set",))


def _called_with(name: str, variables: Variables) -> Text | None:
    """`$1` and `$#` of a script that is called without words."""
    if variables.positional is not None:
        return None
    value = variables.values.get(name)
    empty = (
        value is not None and value[0].why == CALLED_WITH and re.fullmatch(r"\$\d", value[0].text)
    )
    digits = re.fullmatch(r"(\d)(?::?-)?", name)
    if name != "#" and digits is None and not empty:
        return None
    shown = f"${digits[1]}" if digits else "$#" if name == "#" else name
    note = f"`{shown}` is taken for not set: the script is called without words"
    return Text("0" if name == "#" else "", None, (note,))
