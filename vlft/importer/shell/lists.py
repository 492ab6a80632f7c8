"""Several values as one, a part of them, and their places: `${A[*]}`, `${A[@]:1}`, `${!A[@]}`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from vlft.importer.shell.texts import Text

if TYPE_CHECKING:
    from vlft.importer.shell.parameters import Parameter
    from vlft.importer.shell.texts import Variables

_BOUNDS: Final = re.compile(r"\s*(\d{1,6})\s*(?::\s*(\d{1,6})\s*)?")
_PLACES: Final = re.compile(r"!([A-Za-z_]\w*)\[[@*]\]")
_OTHER: Final = re.compile(r"!([A-Za-z_]\w*)")


def is_list(found: Parameter) -> bool:
    """Whether it stands for several values."""
    return found.name in ("@", "*") or found.index in ("@", "*")


def joined(values: list[Text], variables: Variables) -> list[Text]:
    """`"${A[*]}"`: one text, with the first character of IFS between the values."""
    between = variables.values.get("IFS")
    mark = between[0].text[:1] if between else " "
    why = next((one.why for one in values if one.why is not None), None)
    notes = tuple(note for one in values for note in one.notes)
    return [Text(mark.join(one.text for one in values), why, notes)]


def sliced(found: Parameter, values: tuple[Text, ...], bounds: str) -> list[Text] | None:
    """`${A[@]:1}` and `${@:2:3}`; None if it is not understood."""
    read = _BOUNDS.fullmatch(bounds)
    if read is None:
        return None
    start = int(read[1]) - (found.name in ("@", "*"))
    if start < 0:  # `${@:0}` begins with the script itself
        return None
    kept = values[start:] if read[2] is None else values[start : start + int(read[2])]
    return list(kept)


def places(text: str, variables: Variables) -> list[Text] | None:
    """`${!A[@]}`, the numbers of an array's items; None if it is something else."""
    found = _PLACES.fullmatch(text)
    if found is None or found[1] not in variables.arrays:
        return None
    if found[1] in variables.keys:
        return [Text(key) for key in variables.keys[found[1]]]
    return [Text(str(index)) for index in range(len(variables.values[found[1]]))]


def pointed_at(text: str, variables: Variables) -> str | None:
    """`${!NAME}`: the variable whose name that one holds; None if it is something else."""
    found = _OTHER.fullmatch(text)
    value = variables.values.get(found[1]) if found is not None else None
    if not value or value[0].why is not None or not re.fullmatch(r"[A-Za-z_]\w*", value[0].text):
        return None
    return value[0].text
