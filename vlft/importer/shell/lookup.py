"""What a variable holds, or why it holds nothing."""

from __future__ import annotations

from typing import Final

from vlft.importer.shell.texts import Text, Variables
from vlft.importer.spans import shown

CALLED_WITH: Final = "it is what the script is called with"
"""Why `$1` and the like have no value."""


def look_up(name: str, index: str | None, variables: Variables) -> tuple[Text, ...] | None:
    """A variable's value, or one item of it; None if it was never set."""
    value = variables.values.get(name)
    if value is None or index in ("@", "*"):
        return value
    position = int(index) if index and index.isdecimal() and len(index) < 6 else 0  # noqa: PLR2004
    if index and not index.isdecimal():
        return (Text(f"${{{name}[{index}]}}", f"{shown(index)} is no number"),)
    return value[position : position + 1] or None


def why_absent(name: str, variables: Variables) -> str:
    """Why a variable has no value."""
    if name in ("RANDOM", "SECONDS", "SRANDOM", "EPOCHSECONDS", "PPID", "LINENO", "UID", "EUID"):
        return "only a shell knows it"
    if name in variables.own:
        return f"`{name}` is set for the command itself, after its words are expanded"
    known = {*variables.values, *variables.own}
    close = next((other for other in sorted(known) if other.lower() == name.lower()), None)
    if close is not None:
        return f"`{name}` is set nowhere in the script; `{close}` is, and a shell minds the case"
    if variables.sources:
        return f"`{name}` is set nowhere in the script; {shown(variables.sources[-1])} may set it"
    return f"`{name}` is set nowhere in the script"


def positional(name: str, given: tuple[Text, ...]) -> tuple[Text, ...]:
    """`$1`, `$@`, `$#` and the like in a function.

    Args:
        name: Without the dollar.
        given: The words of the call.
    """
    if name in ("@", "*"):
        return given
    if name == "#":
        return (Text(str(len(given))),)
    index = int(name) if len(name) < 6 else 0  # noqa: PLR2004 - digits
    return given[index - 1 : index] if 0 < index <= len(given) else (Text(""),)
