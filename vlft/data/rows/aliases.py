"""Columns and roles under all their names, and what that makes of the columns of a file."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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
