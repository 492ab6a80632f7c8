"""Which columns of a file mean what, and which preprocessor that chooses for all its rows."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Reader = Literal["messages", "alpaca", "response"]

MEDIA = {
    "images": "images",
    "image": "images",
    "audios": "audios",
    "audio": "audios",
    "videos": "videos",
    "video": "videos",
}
SYSTEM = {"system": "system", "system_prompt": "system"}
MESSAGES = dict.fromkeys(("messages", "conversation", "conversations"), "messages")
QUERY = dict.fromkeys(("query", "prompt", "input", "instruction", "question", "problem"), "query")
RESPONSE = dict.fromkeys(
    (
        "response",
        "answer",
        "output",
        "targets",
        "target",
        "answer_key",
        "answers",
        "solution",
        "text",
        "completion",
        "content",
    ),
    "response",
)
ALIASES: dict[Reader, dict[str, str]] = {
    "messages": MEDIA | MESSAGES | SYSTEM,
    "response": MEDIA | SYSTEM | QUERY | RESPONSE,
    "alpaca": MEDIA | SYSTEM | QUERY | RESPONSE,
}
"""Column in lower case → the name that the preprocessor works with."""


@dataclass(frozen=True, slots=True)
class Columns:
    """What becomes of a file's columns.

    Attributes:
        reader: The preprocessor.
        rename: Column → new name, for those that are renamed.
        collisions: New name → the columns that would all become it: none of them does.
        clash: A name that two columns would have after renaming: the load fails.
    """

    reader: Reader
    rename: Mapping[str, str]
    collisions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
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
    if not {"conversation", "conversations", "messages"}.isdisjoint(names):
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
