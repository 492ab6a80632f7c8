"""Columns and roles under all their names, and what the first piece of a file decides of them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from vlft.data import rules
from vlft.data.reading.schema import Schema, Shape, conflicts
from vlft.text import near_miss

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from vlft.data.findings import RowProblem
    from vlft.data.settings import CheckSettings


Reader = Literal["messages", "alpaca", "response"]

COLUMNS: Final = {
    "images": ("images", "image"),
    "audios": ("audios", "audio"),
    "videos": ("videos", "video"),
    "messages": ("messages", "conversation", "conversations"),
    "system": ("system", "system_prompt"),
    "query": ("query", "prompt", "input", "instruction", "question", "problem"),
    "response": (
        *("response", "answer", "output", "targets", "target", "answer_key", "answers"),
        *("solution", "text", "completion", "content"),
    ),
}
"""Column → its names in lower case, its own first (swift/dataset/preprocessor/core.py)."""

ROLES: Final = {
    "system": ("system",),
    "user": ("user", "human"),
    "assistant": ("assistant", "gpt", "bot"),
    "tool_call": ("tool_call", "function_call"),
    "tool_response": ("tool_response", "function_response", "observation", "observations"),
    "tool": ("tool",),
}
"""Role → its names, its own first."""

SPEAKERS: Final = {name: role for role in ("user", "assistant") for name in ROLES[role]}
"""Name of a role that asks or answers → the role."""

STANDARD: Final = frozenset(
    {
        f"{prefix}{name}"
        for prefix in ("", "rejected_", "positive_", "negative_")
        for name in ("messages", "images", "videos", "audios", "tools", "objects")
    }
    | {"rejected_response", "label", "channel", "margin", "chat_template_kwargs"}
    | {"teacher_prompt", "teacher_images", "history"}
)
"""Columns that ms-swift reads under these names alone."""


def _aliases(*columns: str) -> dict[str, str]:
    return {name: column for column in columns for name in COLUMNS[column]}


_MEDIA: Final = ("images", "audios", "videos")
_ANSWERS: Final = _aliases(*_MEDIA, "system", "query", "response")
ALIASES: Final[dict[Reader, dict[str, str]]] = {
    "messages": _aliases(*_MEDIA, "messages", "system"),
    "response": _ANSWERS,
    "alpaca": _ANSWERS,
}
"""Column in lower case → the name that the preprocessor works with."""


class Columns(msgspec.Struct, frozen=True):
    """What becomes of a file's columns.

    Attributes:
        reader: The preprocessor.
        rename: Column → new name, for those that are renamed.
        collisions: New name → the columns that would all become it: none of them does.
        clash: A name that two columns would have after renaming: the load fails.
    """

    reader: Reader
    rename: Mapping[str, str]
    collisions: Mapping[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    clash: str | None = None

    def named(self, row: dict[str, Any]) -> dict[str, Any]:
        """The row under the new names."""
        if not self.rename:
            return dict(row)
        rename = self.rename
        return {rename.get(key, key): value for key, value in row.items()}


def read_columns(
    names: Sequence[str], mapping: Mapping[str, str] | None = None, *, aliases: bool = True
) -> Columns:
    """What ms-swift does with a file of these columns.

    Args:
        names: In the order of the file.
        mapping: `--columns`.
        aliases: Whether columns are renamed by their names (not `--disable_auto_column_mapping`).
    """
    first, _, clash = _renamed(names, mapping or {})
    between = [first.get(name, name) for name in names]
    reader = _reader(between)
    second, collisions, later_clash = (
        _renamed(between, ALIASES[reader]) if aliases else ({}, {}, None)
    )
    rename = {name: second.get(middle, middle) for name, middle in zip(names, between, strict=True)}
    return Columns(
        reader,
        {name: new for name, new in rename.items() if name != new},
        collisions,
        clash or later_clash,
    )


def _reader(names: Sequence[str]) -> Reader:
    if not set(COLUMNS["messages"]).isdisjoint(names):
        return "messages"
    return "alpaca" if {"instruction", "input"} <= set(names) else "response"


def _renamed(
    names: Sequence[str], mapping: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, tuple[str, ...]], str | None]:
    """What safe_rename_columns does: new names, those meant by several, and a clash."""
    lower = {name.lower(): name for name in names}
    chosen = {lower[key.lower()]: new for key, new in mapping.items() if key.lower() in lower}
    counts = Counter(chosen.values())
    collisions = {
        new: tuple(name for name in names if chosen.get(name) == new)
        for new, count in counts.items()
        if count > 1
    }
    rename = {name: new for name, new in chosen.items() if counts[new] == 1 and name != new}
    after = Counter(rename.get(name, name) for name in names)
    clash = next((name for name, count in after.items() if count > 1), None)
    return rename, collisions, clash


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
