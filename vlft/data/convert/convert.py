"""From a draft to a row that ms-swift 4.6 loads whole."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct

from vlft.data.convert.conversations import draft_of
from vlft.data.convert.draft import MEDIA, TAGS, Change, Columns, Draft, Message, RejectError, Row
from vlft.data.convert.objects import settle_objects
from vlft.data.rows.columns import COLUMNS

if TYPE_CHECKING:
    from vlft.data.convert.media import Places

SourceForm = Literal["auto", "swift", "llamafactory", "openai"]


class Converted(Struct, frozen=True):
    """A row after its conversion.

    Attributes:
        row: For ms-swift 4.6.
        changes: What was done to it, by key; empty if nothing was.
        left: Why it stays as it was, where mending it would be guessing; else None.
    """

    row: Row
    changes: list[Change]
    left: str | None = None


def convert_row(row: Row, form: SourceForm, places: Places) -> Converted:
    """A row of any form that is known.

    Args:
        row: As read; is not changed.
        form: What it must be; auto takes each row for what it looks like.
        places: Where its media are.

    Raises:
        RejectError: If it can't be converted without guessing.
    """
    columns = Columns(row)
    _check_form(columns, form)
    draft = draft_of(columns)
    if form in {"auto", "swift"}:
        move_inline_images(draft)
    made = _finish(draft, places)
    return Converted(made, sorted(draft.changes, key=lambda change: change.key))


def fix_row(row: Row, places: Places) -> Converted:
    """A row of messages, mended where there is one way to.

    Raises:
        RejectError: If it would not load, and can't be mended.
    """
    if not {key.lower() for key in row} & set(COLUMNS["messages"]):
        raise RejectError("it is no row of messages: convert the file without --fix")
    try:
        return convert_row(row, "swift", places)
    except RejectError as error:
        if not _loads_as_it_is(row):
            raise
        return Converted(row, [], error.reason)


def _check_form(columns: Columns, form: SourceForm) -> None:
    if form == "openai" and not columns.has("messages"):
        raise RejectError("there is no messages column, as OpenAI has it")
    known = (*COLUMNS["messages"], *COLUMNS["query"], *COLUMNS["response"], "history", "chosen")
    if form == "llamafactory":
        names = ("instruction", "input", "output", "chosen", "text")
        known = (*COLUMNS["messages"], *names)
    if not columns.has(*known):
        raise RejectError("no column is known for a question, an answer or messages")


_JOINED = frozenset({"user", "assistant", "system"})
_MESSAGE_KEYS = frozenset({"role", "content", "loss", "loss_scale"})


def _finish(draft: Draft, places: Places) -> Row:
    """The row, with its columns in one order.

    Raises:
        RejectError: If it would not load, or would be trained on as something else.
    """
    draft.messages = _joined(draft)
    _check_answer(draft)
    _settle_tags(draft)
    objects = settle_objects(draft, places.size)
    row: Row = {"messages": draft.messages}
    for column in MEDIA:
        references = draft.media.get(column)
        if references:
            row[column] = [places.resolve(one) for one in references]
            if row[column] != references:
                draft.changes.add(Change.PATH)
    if objects is not None:
        row["objects"] = objects
    row.update(draft.kept)
    return row


def _loads_as_it_is(row: Row) -> bool:
    """Whether ms-swift loads a row of messages whole, right or wrong."""
    messages = row.get("messages")
    objects = row.get("objects")
    return (
        isinstance(messages, list)
        and bool(messages)
        and all(_is_plain(message) for message in messages)
        and all(_are_texts(row.get(column)) for column in MEDIA)
        and (objects is None or (isinstance(objects, dict) and _are_boxes(objects.get("bbox"))))
        and not (row.keys() & {"image", "video", "audio"})
    )


def _joined(draft: Draft) -> list[Message]:
    """Turns of one speaker in a row as one: ms-swift joins them without even a space."""
    made: list[Message] = []
    for message in draft.messages:
        last = made[-1] if made else None
        if last is None or last["role"] != message["role"] or last["role"] not in _JOINED:
            if message["role"] == "system" and made:
                raise RejectError("a system message stands behind others")
            made.append(message)
            continue
        if last.keys() != message.keys() or any(
            last[key] != message[key] for key in last if key != "content"
        ):
            raise RejectError(f"two {last['role']} turns in a row are weighted differently")
        made[-1] = {**last, "content": f"{last['content']}\n{message['content']}"}
        draft.changes.add(Change.MERGED_TURNS)
    return made


def _check_answer(draft: Draft) -> None:
    last = draft.messages[-1] if draft.messages else None
    if last is None or last["role"] not in {"assistant", "tool_call"}:
        who = last["role"] if last else "nobody"
        raise RejectError(f"there is no answer: the last turn is of {who}")
    if not last["content"].strip():
        raise RejectError("the answer is empty")
    if draft.kept.get("rejected_response") == last["content"]:
        raise RejectError("the rejected answer is the same as the chosen one")


def _is_plain(message: Any) -> bool:
    return (
        isinstance(message, dict)
        and message.keys() <= _MESSAGE_KEYS
        and message.get("role")
        in {"system", "user", "assistant", "tool", "tool_call", "tool_response"}
        and isinstance(message.get("content"), str)
    )


def _are_texts(value: Any) -> bool:
    return value is None or (isinstance(value, list) and all(isinstance(one, str) for one in value))


def _are_boxes(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(box, list) and len(box) in {2, 4} and all(isinstance(n, float) for n in box)
        for box in value
    )


_INLINE = re.compile(r"(?:Picture \d+: ?)?<img>(.+?)</img>")
_INLINE_OR_TAG = re.compile(rf"{_INLINE.pattern}|<image>")


def move_inline_images(draft: Draft) -> None:
    """`<img>PATH</img>` and Qwen-VL's `Picture N: <img>PATH</img>` become tags and `images`.

    Pictures of the column keep their tags: both are counted in the order of the text.

    Raises:
        RejectError: If tags and column do not agree.
    """
    if not any("<img>" in message["content"] for message in draft.messages):
        return
    column = iter(draft.media.get("images", ()))
    images: list[str] = []

    def replace(match: re.Match[str]) -> str:
        reference = match[1] or next(column, None)
        if reference is None:
            raise RejectError("there are more <image> tags than images")
        images.append(reference)
        return TAGS["images"]

    for message in draft.messages:
        message["content"] = _INLINE_OR_TAG.sub(replace, message["content"])
    if next(column, None) is not None:
        raise RejectError("there are fewer <image> tags than images beside the inline ones")
    draft.media["images"] = images
    draft.changes.add(Change.INLINE_IMAGE)


def _settle_tags(draft: Draft) -> None:
    """Brings tags and media into agreement where there is only one way to.

    Raises:
        RejectError: Where there are several.
    """
    for column, tag in TAGS.items():
        expected = len(draft.media.get(column, ()))
        found = draft.count(tag)
        in_any_case = sum(one["content"].lower().count(tag) for one in draft.messages)
        if found != expected and in_any_case == expected:
            pattern = re.compile(re.escape(tag), re.IGNORECASE)
            for message in draft.messages:
                message["content"] = pattern.sub(tag, message["content"])
            draft.changes.add(Change.TAG_CASE)
            found = expected
        if found == expected:
            continue
        if found:
            raise RejectError(f"there are {found} {tag} tags and {expected} {column}")
        first = next((message for message in draft.messages if message["role"] == "user"), None)
        if first is None:
            raise RejectError(f"there is no question to put the {tag} tag into")
        first["content"] = tag * expected + first["content"]
        draft.changes.add(Change.MISSING_TAGS)
