"""What a conversion may do to a row, by name."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

Change = Literal[
    "to-messages",
    "roles",
    "text",
    "answer-list",
    "media-column",
    "inline-image",
    "parts",
    "tools",
    "missing-tags",
    "tag-case",
    "objects",
    "box-scale",
    "box-clipped",
    "unused-objects",
    "empty-column",
    "extra-column",
    "merged-turns",
    "preference",
    "path",
    "moved-first",
    "pictures",
]

SENTENCES: dict[Change, str] = {
    "to-messages": "question, answer and history became `messages`",
    "roles": "roles and keys of messages got ms-swift's names",
    "text": "a number in place of a text became text",
    "answer-list": "of several answers the first was kept, as ms-swift does",
    "media-column": "pictures, videos or sounds became a list under the name ms-swift reads",
    "inline-image": "a picture inside the text moved to `images`, with <image> in its place",
    "parts": "content in parts became text with tags",
    "tools": "tool calls and definitions took ms-swift's form",
    "missing-tags": "tags were put before the first question, where ms-swift puts them",
    "tag-case": "a tag in capitals became one that ms-swift knows",
    "objects": "`objects` took the form of ms-swift 4",
    "box-scale": "boxes were brought to a scale that ms-swift 4 knows",
    "box-clipped": "a box beyond the scale's end was moved to it",
    "unused-objects": "objects without a tag were left out: no version trained on them",
    "empty-column": "an empty column was left out",
    "extra-column": "a column that ms-swift does not read was left out",
    "merged-turns": "turns of the same speaker were joined by a line break",
    "preference": "chosen and rejected answers took ms-swift's form",
    "path": "a path that starts from the data file's folder was made absolute",
    "pictures": "pictures that stood in the file were written to files of their own",
    "moved-first": "a row with columns that others lack moved to the top of the file",
}


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
