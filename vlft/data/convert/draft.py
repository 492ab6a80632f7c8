"""A row under conversion: its columns, what is made of it, and what may be done to it, by name."""

from __future__ import annotations

import json
from enum import Enum
from typing import Any, TypeAlias

from msgspec import Struct, field

from vlft.data.rows.columns import COLUMNS
from vlft.text import kind, read_literal


class Change(Enum):
    """What was done to a row, as a sentence for people; `key` names it for programs."""

    TO_MESSAGES = "question, answer and history became `messages`"
    ROLES = "roles and keys of messages got ms-swift's names"
    TEXT = "a number in place of a text became text"
    ANSWER_LIST = "of several answers the first was kept, as ms-swift does"
    MEDIA_COLUMN = "pictures, videos or sounds became a list under the name ms-swift reads"
    INLINE_IMAGE = "a picture inside the text moved to `images`, with <image> in its place"
    PARTS = "content in parts became text with tags"
    TOOLS = "tool calls and definitions took ms-swift's form"
    MISSING_TAGS = "tags were put before the first question, where ms-swift puts them"
    TAG_CASE = "a tag in capitals became one that ms-swift knows"
    OBJECTS = "`objects` took the form of ms-swift 4"
    BOX_SCALE = "boxes were brought to a scale that ms-swift 4 knows"
    BOX_CLIPPED = "a box beyond the scale's end was moved to it"
    UNUSED_OBJECTS = "objects without a tag were left out: no version trained on them"
    EMPTY_COLUMN = "an empty column was left out"
    EXTRA_COLUMN = "a column that ms-swift does not read was left out"
    MERGED_TURNS = "turns of the same speaker were joined by a line break"
    PREFERENCE = "chosen and rejected answers took ms-swift's form"
    PATH = "a path that starts from the data file's folder was made absolute"
    PICTURES = "pictures that stood in the file were written to files of their own"
    MOVED_FIRST = "a row with columns that others lack moved to the top of the file"

    @property
    def key(self) -> str:
        """`box-scale` for BOX_SCALE."""
        return self.name.lower().replace("_", "-")


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


class Draft(Struct):
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

    def count(self, tag: str) -> int:
        """How often a tag stands in the texts."""
        return sum(message["content"].count(tag) for message in self.messages)


def text_of(value: Any, name: str, changes: set[Change]) -> str:
    """A text, or a number as text.

    Raises:
        RejectError: For anything else.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        changes.add(Change.TEXT)
        return str(value)
    raise RejectError(f"{name} is {kind(value)}, not a text")


def read_text(text: str, name: str) -> Any:
    """A value that was written as text, in JSON or in Python's form.

    Raises:
        RejectError: If it is neither.
    """
    try:
        return read_literal(text)
    except ValueError:
        raise RejectError(f"{name} is a text that is neither JSON nor Python") from None


KEPT = (
    *("channel", "label", "margin", "chat_template_kwargs", "solution", "rejected_response"),
    *("rejected_messages", "rejected_images"),
)
"""Columns that ms-swift reads and that are passed on as they are."""


class Columns:
    """The columns of a row, taken one by one; what is not taken is left out.

    Names are matched in any case, as ms-swift does.
    """

    def __init__(self, row: Row) -> None:
        self._row = {key.lower(): value for key, value in row.items()}
        if len(self._row) < len(row):
            raise RejectError("two columns differ only in upper and lower case")

    def has(self, *names: str) -> bool:
        """Whether a column of these names holds anything."""
        return any(self._row.get(name) is not None for name in names)

    def take(self, *names: str) -> Any:
        """The value of the column that has one of these names; None if there is none.

        The first name is ms-swift's own and goes before the others; among those, two that
        say different things leave no way to tell.

        Raises:
            RejectError: If two columns could be meant.
        """
        found = {name: self._row.pop(name) for name in names if name in self._row}
        said = {name: value for name, value in found.items() if value not in (None, "", [])}
        if not said:
            return next((value for value in found.values() if value is not None), None)
        if names[0] in said or all(value == next(iter(said.values())) for value in said.values()):
            return said.get(names[0], next(iter(said.values())))
        raise RejectError(f"any of the columns {', '.join(sorted(said))} could be meant")

    def finish(self, draft: Draft) -> None:
        """Media, tools and the further columns that ms-swift reads go into the draft."""
        tag = self.take("kto_tag")
        if tag is not None:
            draft.kept["label"] = bool(tag)
            draft.changes.add(Change.PREFERENCE)
        for column in MEDIA:
            self._take_media(column, draft)
        draft.objects = self.take("objects")
        tools = self.take("tools")
        if tools:
            if not isinstance(tools, str):
                tools = json.dumps(tools, ensure_ascii=False)
                draft.changes.add(Change.TOOLS)
            draft.kept["tools"] = tools
        for name in KEPT:
            value = self._row.pop(name, None)
            if value is not None:
                draft.kept[name] = value
        for value in self._row.values():
            empty = value in (None, "", [])
            draft.changes.add(Change.EMPTY_COLUMN if empty else Change.EXTRA_COLUMN)

    def _take_media(self, column: str, draft: Draft) -> None:
        names = COLUMNS[column]
        renamed = self.has(*names[1:])
        value = self.take(*names)
        if value in (None, "", []):
            if value is not None:
                draft.changes.add(Change.EMPTY_COLUMN)
            return
        references = value if isinstance(value, list) else [value]
        if len(references) == 1 and isinstance(references[0], list):
            references = references[0]
        if renamed or references is not value:
            draft.changes.add(Change.MEDIA_COLUMN)
        draft.media[column] = [_reference(one, column, draft) for one in references]


def _reference(value: Any, column: str, draft: Draft) -> str:
    if isinstance(value, dict):
        value = value.get("path") or value.get("url") or value.get("bytes")
        draft.changes.add(Change.MEDIA_COLUMN)
    if not isinstance(value, str) or not value:
        what = "an empty text" if value == "" else kind(value)
        raise RejectError(f"an entry of {column} is {what}, not a path")
    return value
