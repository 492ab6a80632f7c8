"""From a draft to a row that ms-swift 4.6 loads whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from vlft.data.convert.conversations import conversation_draft
from vlft.data.convert.draft import MEDIA, Columns, Draft, RejectError, read_text, text_of
from vlft.data.convert.media import move_inline_images, settle_tags
from vlft.data.convert.objects import settle_objects
from vlft.data.rows.columns import COLUMNS
from vlft.text import kind

if TYPE_CHECKING:
    from vlft.data.convert.draft import Change, Message, Row
    from vlft.data.convert.media import Places


def question_draft(columns: Columns) -> Draft:
    """`query`, `response`, `history`, `system` under any of their names."""
    draft = Draft()
    if columns.has("instruction") and columns.has("input", "output") and not columns.has("query"):
        query = _instruction(columns, draft)
    else:
        query = columns.take(*COLUMNS["query"])
    if columns.has("chosen", "rejected"):
        response = _preference(columns, draft)
    else:
        response = columns.take(*COLUMNS["response"])
    if isinstance(response, list) and response:
        response = response[0]
        draft.changes.add("answer-list")
    _add(draft, "system", columns.take(*COLUMNS["system"]))
    for number, pair in enumerate(_history(columns.take("history")), start=1):
        if not isinstance(pair, (list, tuple)) or len(pair) != 2:  # noqa: PLR2004
            raise RejectError(f"pair {number} of history is no question and answer")
        if pair[1] is None:
            raise RejectError(f"pair {number} of history has no answer")
        _add(draft, "user", pair[0])
        _add(draft, "assistant", pair[1])
    _add(draft, "user", query)
    if response is None:
        raise RejectError("there is no answer")
    _add(draft, "assistant", response)
    tag = columns.take("kto_tag")
    if tag is not None:
        draft.kept["label"] = bool(tag)
        draft.changes.add("preference")
    draft.changes.add("to-messages")
    columns.finish(draft)
    return draft


def _instruction(columns: Columns, draft: Draft) -> str | None:
    """Alpaca's question: instruction and input, each on its line."""
    instruction, extra = columns.take("instruction"), columns.take("input")
    texts = [
        text_of(value, "instruction", draft.changes) for value in (instruction, extra) if value
    ]
    return "\n".join(texts) if texts else None


def _preference(columns: Columns, draft: Draft) -> Any:
    """The chosen answer; the rejected one goes into its column."""
    chosen, rejected = columns.take("chosen"), columns.take("rejected")
    if chosen is None or rejected is None:
        raise RejectError("chosen and rejected belong together, and one is missing")
    draft.kept["rejected_response"] = text_of(rejected, "rejected", draft.changes)
    draft.changes.add("preference")
    return chosen


def _history(value: Any) -> list[Any]:
    if value in (None, "", []):
        return []
    if isinstance(value, str):
        value = read_text(value, "history")
    if not isinstance(value, list):
        raise RejectError(f"history is {kind(value)}, not a list of pairs")
    return value


def _add(draft: Draft, role: str, content: Any) -> None:
    if content is None or (content == "" and role != "assistant"):
        return
    draft.messages.append({"role": role, "content": text_of(content, role, draft.changes)})


_JOINED = frozenset({"user", "assistant", "system"})
_MESSAGE_KEYS = frozenset({"role", "content", "loss", "loss_scale"})


def finish(draft: Draft, places: Places) -> Row:
    """The row, with its columns in one order.

    Raises:
        RejectError: If it would not load, or would be trained on as something else.
    """
    draft.messages = _joined(draft)
    _check_answer(draft)
    settle_tags(draft)
    objects = settle_objects(draft, places.size)
    row: Row = {"messages": draft.messages}
    for column in MEDIA:
        references = draft.media.get(column)
        if references:
            row[column] = [places.resolve(one) for one in references]
            if row[column] != references:
                draft.changes.add("path")
    if objects is not None:
        row["objects"] = objects
    row.update(draft.kept)
    return row


def loads_as_it_is(row: Row) -> bool:
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
        draft.changes.add("merged-turns")
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


SourceForm = Literal["auto", "swift", "llamafactory", "openai"]


@dataclass(frozen=True, slots=True)
class Converted:
    """A row after its conversion.

    Attributes:
        row: For ms-swift 4.6.
        changes: What was done to it; empty if nothing was.
        left: Why it stays as it was, where mending it would be guessing; else None.
    """

    row: Row
    changes: tuple[Change, ...]
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
    draft = _draft(columns, form)
    if form in {"auto", "swift"}:
        move_inline_images(draft)
    made = finish(draft, places)
    return Converted(made, tuple(sorted(draft.changes)))


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
        if not loads_as_it_is(row):
            raise
        return Converted(row, (), error.reason)


def _draft(columns: Columns, form: SourceForm) -> Draft:
    if columns.has(*COLUMNS["messages"]):
        if form == "openai" and not columns.has("messages"):
            raise RejectError("there is no messages column, as OpenAI has it")
        return conversation_draft(columns)
    if form == "openai":
        raise RejectError("there is no messages column, as OpenAI has it")
    names = ("instruction", "input", "output", "chosen", "text") if form == "llamafactory" else ()
    if not columns.has(*(names or (*COLUMNS["query"], *COLUMNS["response"], "history", "chosen"))):
        raise RejectError("no column is known for a question, an answer or messages")
    return question_draft(columns)
