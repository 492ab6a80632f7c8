"""A row on its way."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from vlft.dataset.convert.changes import Change

Row: TypeAlias = "dict[str, Any]"
Message: TypeAlias = "dict[str, Any]"

MEDIA = ("images", "videos", "audios")
"""Columns of media; the tag of each is its name without the s."""

TAGS = {column: f"<{column[:-1]}>" for column in MEDIA}


class RejectError(Exception):
    """A row can't be converted without guessing.

    Attributes:
        reason: What is in the way, with the value.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(slots=True)
class Draft:
    """What a source's row says, before it is checked.

    Attributes:
        messages: With `role` and `content`; content is text.
        media: Column → references.
        objects: As found; v2 and v4 forms alike.
        kept: Further columns that ms-swift reads.
        changes: What was done so far.
    """

    messages: list[Message] = field(default_factory=list)
    media: dict[str, list[str]] = field(default_factory=dict)
    objects: Any = None
    kept: Row = field(default_factory=dict)
    changes: set[Change] = field(default_factory=set)


def text_of(value: Any, name: str, changes: set[Change]) -> str:
    """A text, or a number as text.

    Raises:
        RejectError: For anything else.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        changes.add("text")
        return str(value)
    raise RejectError(f"{name} is {kind_of(value)}, not a text")


def kind_of(value: Any) -> str:
    """What a JSON value is, in words."""
    if value is None:
        return "null"
    words = {list: "a list", dict: "an object", str: "a text", bool: "true or false"}
    return words.get(type(value), "a number")
