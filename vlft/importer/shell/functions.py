"""Functions of a script: what their calls would run."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from vlft.importer.shell.syntax import Block, Statement


def part_functions(
    statements: Sequence[Statement], names: Mapping[int, str]
) -> tuple[list[Statement], dict[str, list[Statement]]]:
    """What runs where it stands, and the bodies of the functions that are called.

    A function that nothing calls stays where it stands: its commands are worth reading, and
    their surroundings say that they may never run.

    Args:
        statements: All of a script.
        names: Offset of a function's block → its name.
    """
    called = {
        statement.words[0].bare
        for statement in statements
        if statement.words and statement.words[0].bare not in _around(statement, names)
    }
    plain: list[Statement] = []
    bodies: dict[str, list[Statement]] = {}
    for statement in statements:
        name = next(iter(_around(statement, names)), None)
        if name in called and name is not None:
            bodies.setdefault(name, []).append(statement)
        else:
            plain.append(statement)
    return plain, bodies


def body_at(body: Sequence[Statement], call: Statement) -> Iterator[Statement]:
    """The statements of a function in the control flow of one call."""
    for statement in body:
        depth = next(
            index for index, block in enumerate(statement.blocks) if block.kind == "function"
        )
        yield replace(statement, blocks=(*call.blocks, *statement.blocks[depth + 1 :]))


def _around(statement: Statement, names: Mapping[int, str]) -> list[str]:
    """Functions that a statement stands in, the outermost first."""
    return [_name(block, names) for block in statement.blocks if block.kind == "function"]


def _name(block: Block, names: Mapping[int, str]) -> str:
    return names.get(block.offset, "")
