"""What makes a row plain, for those that are judged one by one in a microsecond."""

from __future__ import annotations

from typing import Any, Final

from msgspec import UNSET

from vlft.data.loading.conversations import ASSISTANTS, USERS

USER_NAMES, ASSISTANT_NAMES = frozenset(USERS), frozenset(ASSISTANTS)
_MOST_MESSAGES: Final = 64


def plain_turns(messages: list[Any], tags: int) -> bool:
    """Whether questions and answers alternate, and only questions have tags, of pictures."""
    expected = 0
    for index, message in enumerate(messages):
        content = message.content
        if content == "" or "{" in content:
            return False
        if index == 0 and message.role == "system":
            expected = 1
            if "<" in content:
                return False
            continue
        asks = (index - expected) % 2 == 0
        if message.role not in (USER_NAMES if asks else ASSISTANT_NAMES):
            return False
        found = content.count("<")
        if found and not (asks and content.count("<image>") == found):
            return False
        tags -= found
    count = len(messages) - expected
    return tags == 0 and 0 < count < _MOST_MESSAGES and count % 2 == 0


def marks_of(row: Any, get_others: tuple[Any, ...]) -> tuple[int, bool]:
    """Pairs of quotation marks that other columns add, and whether one holds a tag."""
    marks, tagged = 0, False
    for get in get_others:
        value = get(row)
        if value is UNSET:
            marks -= 1
        elif type(value) is str:
            marks += 1
            tagged |= "<" in value
    return marks, tagged


def nothing(_: Any) -> None:
    """What rows have in a column that their file lacks."""


def only_escaped(raw: bytes, marks: int) -> bool:
    """Whether all quotation marks but so many stand escaped within texts."""
    return raw.count(b'"') - marks == raw.count(b'\\"') and b"\\\\" not in raw


def ascii_only(raw: bytes) -> bool:
    """Whether the texts have no more bytes than the line, and no more tokens than bytes."""
    return raw.isascii() and b"\\u" not in raw
