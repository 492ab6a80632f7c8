"""Many rows of the most frequent form at once: one picture, a question and an answer."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec

from vlft.data.loading.conversations import ASSISTANTS, USERS

_TAG: Final = b"<image>"
_MARKS: Final = 22
"""Quotation marks of such a row: five keys of the messages, one of the pictures, five texts."""
_BRACES: Final = 3


class Pairs:
    """Takes lines whose rows are a question that begins with its tag, and an answer.

    What is asked of each row is asked of all of them together, by counting: each has at least
    as many marks as are needed, so that none has more if all of them have no more.

    Args:
        messages: Name of the column.
        role: Name of a message's role.
        content: Name of its text.
        images: Name of the column of pictures.
    """

    def __init__(self, messages: str, role: str, content: str, images: str) -> None:
        turns: Any = tuple[_turn(role, content, USERS), _turn(role, content, ASSISTANTS)]  # type: ignore[misc]
        row = msgspec.defstruct(
            "Pair",
            [("messages", turns), ("images", tuple[str])],
            rename={"messages": messages, "images": images},
            forbid_unknown_fields=True,
            gc=False,
        )
        self._decode: Any = msgspec.json.Decoder(row).decode_lines

    def rows_of(self, data: bytes, count: int) -> list[Any] | None:
        """The rows, if all are of this form and hold nothing odd; None if not.

        Args:
            data: Whole lines.
            count: How many.
        """
        marks = data.count(b'"')
        if b"\\" in data:
            if b"\\\\" in data or b"\\u00" in data:  # a tag may be written with escapes
                return None
            marks -= data.count(b'\\"')
        start = data[: data.find(_TAG) + len(_TAG)]
        if (
            marks != _MARKS * count
            or data.count(b"<") != count
            or not start.endswith(b'"<image>')
            or data.count(start) != count
            or data.count(b"{") != _BRACES * count
        ):
            return None
        try:
            rows: list[Any] = self._decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return None
        # The first row begins as all do: its tag stands in its question.
        return rows if len(rows) == count and rows[0].messages[0].content[:7] == "<image>" else None


def _turn(role: str, content: str, roles: tuple[str, ...]) -> Any:
    return msgspec.defstruct(
        "Turn",
        [("role", Literal[roles]), ("content", Annotated[str, msgspec.Meta(min_length=1)])],
        rename={"role": role, "content": content},
        forbid_unknown_fields=True,
        gc=False,
    )
