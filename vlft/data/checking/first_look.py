"""What the first piece of a file decides for all its rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from vlft.data import rules
from vlft.data.reading.schema import Schema, conflicts
from vlft.data.rows.aliases import ALIASES, STANDARD, Columns, read_columns
from vlft.text import near_miss

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from vlft.data.outcomes import RowProblem
    from vlft.data.reading.schema import Shape
    from vlft.data.settings import CheckSettings

_MEANT: Final = {
    "img": "images",
    "imgs": "images",
    "image_path": "images",
    "image_paths": "images",
    "image_file": "images",
    "image_files": "images",
    "image_url": "images",
    "image_urls": "images",
    "picture": "images",
    "pictures": "images",
    "photo": "images",
    "photos": "images",
    "video_path": "videos",
    "video_paths": "videos",
    "user": "query",
    "human": "query",
    "assistant": "response",
    "gpt": "response",
    "reply": "response",
    "dialog": "messages",
    "dialogue": "messages",
    "dialogs": "messages",
    "chat": "messages",
    "turns": "messages",
    "message": "messages",
    "bbox": "objects",
    "boxes": "objects",
    "object": "objects",
}
"""Names that other tools use, and what they mean here."""
_READ_BY_ALPACA: Final = {"query": ["instruction", "input"], "response": ["output"]}
"""Columns that its preprocessor takes by these very names, before any that is renamed."""


class FirstLook(msgspec.Struct, frozen=True, eq=False):
    """What holds for every row of a file.

    Attributes:
        schema: What its columns are.
        columns: What ms-swift makes of them.
        lost: Column that is not read → the name it was meant for.
        problems: Of the whole file.
    """

    schema: Schema
    columns: Columns
    lost: Mapping[str, str] = msgspec.field(default_factory=dict)
    problems: tuple[RowProblem, ...] = ()


def look(shape: Shape, settings: CheckSettings, *, padded: bool = False) -> FirstLook:
    """Decides what the columns of a file are.

    Args:
        shape: Of the rows of its first piece.
        settings: Of the run.
        padded: As in `Schema`.
    """
    schema = Schema(shape, padded=padded)
    columns = read_columns(schema.columns, settings.columns, aliases=settings.aliases)
    return FirstLook(
        schema,
        columns,
        _lost(schema.columns, columns),
        tuple(_problems(shape, columns, padded)),
    )


def _problems(shape: Shape, columns: Columns, padded: bool) -> Iterable[RowProblem]:
    if columns.clash is not None:
        message = f"two columns would be called {columns.clash}"
        yield rules.CLASH.found(message, "drop one of the two")
    if padded:
        for path in conflicts(shape):
            message = f"{dotted(path)} has values of different types"
            hint = "take out blank lines, and write each row on one line; or use one type"
            yield rules.TYPES.found(message, hint, dotted(path))
            return
    for target, names in columns.collisions.items():
        if target == "messages":
            continue
        read = [target] if columns.reader != "alpaca" else _READ_BY_ALPACA.get(target, [target])
        others = [name for name in names if name not in read]
        if others and len(others) < len(names):
            kept = " and ".join(name for name in names if name in read)
            message = f"{' and '.join(others)} beside {kept} is not read"
            hint = f"drop {' and '.join(others)}, or keep its content under another name"
            yield rules.TWO_COLUMNS.found(message, hint, others[0])


def dotted(path: Sequence[str]) -> str:
    """A place in a row, for people."""
    return ".".join(path)


def _lost(names: Sequence[str], columns: Columns) -> dict[str, str]:
    """Columns that look like a slip of a name that the file does not have otherwise."""
    known = ALIASES[columns.reader]
    there: set[Any] = {columns.rename.get(name, name) for name in names}
    there |= set(columns.collisions)
    if columns.reader == "alpaca":
        there |= {"query", "response"}
    if columns.reader == "response" and "history" in there:
        there.add("messages")
    found = {}
    for name in names:
        lower = name.lower()
        if name in STANDARD or lower in known:
            continue
        target = _MEANT.get(lower)
        if target is None:
            close = near_miss(lower, [*known, *STANDARD]) or near_miss(
                lower.upper(), [word.upper() for word in (*known, *STANDARD)]
            )
            target = known.get(close.lower(), close.lower()) if close else None
        readable = target in known.values() or target in STANDARD
        if target and readable and target not in there:
            found[name] = target
    return found


_READ: Final = frozenset({"system", "query", "response", "history"})
_READ_OF_ALPACA: Final = frozenset({"instruction", "input", "output"})


def is_read(column: str, columns: Columns) -> bool:
    """Whether ms-swift reads a column of the file at all."""
    name = columns.rename.get(column, column)
    if name in STANDARD:
        return True
    if columns.reader == "messages":
        return name == "system"
    return name in _READ or (columns.reader == "alpaca" and name in _READ_OF_ALPACA)
