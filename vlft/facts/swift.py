"""What the installed ms-swift accepts: from the dump that vlft ships, else by asking it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlft.facts.swift_dump import read_shipped, shipped_versions
from vlft.facts.swift_types import (
    SUBCOMMANDS,
    Argument,
    ModelEntry,
    ModelGroup,
    Subcommand,
    SwiftFacts,
)

if TYPE_CHECKING:
    from vlft.facts.interpreter import Interpreter

__all__ = [
    "SUBCOMMANDS",
    "Argument",
    "ModelEntry",
    "ModelGroup",
    "Subcommand",
    "SwiftFacts",
    "read_swift",
]


def read_swift(interpreter: Interpreter | None) -> SwiftFacts:
    """The arguments, templates and models of this interpreter's ms-swift.

    Without an interpreter, or without ms-swift in it, those of the newest version that vlft
    ships a dump for. A version that has no dump is asked in a subprocess (5 to 20 s), once.

    Raises:
        VlftError: If an ms-swift that has to be asked can't be imported.
    """
    version = interpreter.packages.get("ms-swift") if interpreter else None
    if interpreter is None or version is None:
        version = shipped_versions()[0]
    shipped = read_shipped(version)
    if shipped is not None:
        return shipped
    assert interpreter is not None  # noqa: S101  the newest shipped dump exists
    from vlft.facts.swift_probe import probe  # noqa: PLC0415  starts processes; seldom needed

    return probe(interpreter)
