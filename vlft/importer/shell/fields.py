"""Pieces of words, before they are put together."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from vlft.importer.shell.texts import HOLE, Text, pieces
from vlft.importer.spans import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vlft.importer.shell.texts import Variables
    from vlft.importer.shell.words import Part

_GLOB: Final = re.compile(r"[*?]|\[[^\]]+\]")


def literal(part: Part) -> Text:
    """A text that is no expansion; a pattern of file names is unknown."""
    if HOLE in part.text:
        return Text(part.text, "it depends on a branch of the script")
    if not part.quoted and _GLOB.search(part.text):
        return Text(part.text, f"{shown(part.text)} matches whatever files there are")
    return Text(part.text)


def put_together(parts: list[Text]) -> Text:
    """Several as one; unknown if one of them is."""
    if len(parts) == 1:
        return parts[0]
    why = next((piece.why for piece in parts if piece.why is not None), None)
    notes = tuple(note for piece in parts for note in piece.notes)
    return Text("".join(piece.text for piece in parts), why, notes)


def split(value: Text, variables: Variables) -> Iterator[Text]:
    """An unquoted expansion at its blanks, or as IFS has it; an unknown one stays whole."""
    if value.why is not None and HOLE not in value.text:
        yield value
        return
    between = variables.values.get("IFS")
    for text in pieces(value.text, between[0].text if between else None):
        yield Text(text, value.why if HOLE in text else None, value.notes)


def is_list_part(part: Part) -> bool:
    """Whether an expansion gives several words even in quotes."""
    return part.kind == "variable" and (part.text in ("@", "*") or "[@]" in part.text)
