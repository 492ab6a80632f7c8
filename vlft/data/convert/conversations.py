"""What rows of each form say: conversations, and questions with their answers.

Conversations are ShareGPT in its forms, and messages of ms-swift and OpenAI.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from vlft.data.convert.draft import (
    MEDIA,
    TAGS,
    Change,
    Columns,
    Draft,
    Message,
    RejectError,
    read_text,
    text_of,
)
from vlft.data.rows.columns import COLUMNS, ROLES
from vlft.text import kind

_TEXT = frozenset({"text", "input_text", "output_text"})


def draft_of(columns: Columns) -> Draft:
    """What a row says, whatever form it has.

    Raises:
        RejectError: If it has none that is known.
    """
    if columns.has(*COLUMNS["messages"]):
        return _conversation(columns)
    return _question(columns)


def _flatten(content: Any, number: int, changes: set[Change], media: dict[str, list[str]]) -> str:
    """The text of a message, with a tag for each part that is none.

    Args:
        content: Text, or a list of parts.
        number: Of the message, for messages.
        changes: Is added to.
        media: Column → references in order; is added to.

    Raises:
        RejectError: For content that is neither, and for parts that ms-swift does not know.
    """
    name = f"the content of message {number}"
    if not isinstance(content, list):
        return text_of(content, name, changes)
    changes.add(Change.PARTS)
    texts = []
    for part in content:
        if isinstance(part, str):
            texts.append(_literal(part, number))
            continue
        if not isinstance(part, dict):
            raise RejectError(f"a part of message {number} is {kind(part)}")
        part_type = part.get("type")
        if part_type in _TEXT:
            texts.append(_literal(text_of(part.get("text"), name, changes), number))
            continue
        column, reference = _reference(part, str(part_type), number)
        media[column].append(reference)
        texts.append(TAGS[column])
    return "".join(texts)


def _literal(text: str, number: int) -> str:
    """Text of a part: what looks like a tag in it is none, and can't be told from one."""
    for tag in TAGS.values():
        if tag in text:
            raise RejectError(f"a text part of message {number} has {tag} in it, as plain text")
    return text


def _reference(part: dict[str, Any], part_type: str, number: int) -> tuple[str, str]:
    """Column and reference of a part that is a picture, video or sound."""
    what = part_type.removeprefix("input_").removesuffix("_url")
    column = f"{what}s"
    if column not in TAGS:
        raise RejectError(
            f"message {number} has a part of type {part_type}, which ms-swift does not know"
        )
    keys = (part_type, what, "url", "path", "source")
    value = next((part[key] for key in keys if key in part), None)
    if isinstance(value, dict):
        value = _inner(value, what)
    if not isinstance(value, str) or not value:
        raise RejectError(f"the {what} of message {number} is {kind(value)}, not a path or URL")
    return column, value


def _inner(value: dict[str, Any], what: str) -> Any:
    """The reference in `{"url": …}`, `{"data": …, "format": …}` and their like."""
    if value.get("data"):
        form = value.get("media_type") or f"{what}/{value.get('format', '*')}"
        data = value["data"]
        return data if str(data).startswith("data:") else f"data:{form};base64,{data}"
    return value.get("url") or value.get("path")


def _in_order_of_calls(turns: list[Any]) -> list[Any]:
    """Results of tools in the order of their calls: ms-swift tells them apart by that alone.

    Only where each result names its call, and none is missing.
    """
    turns = list(turns)
    for place, turn in enumerate(turns):
        calls = turn.get("tool_calls") if isinstance(turn, dict) else None
        if not isinstance(calls, list):
            continue
        ids = [call.get("id") if isinstance(call, dict) else None for call in calls]
        results = turns[place + 1 : place + 1 + len(ids)]
        named = [one.get("tool_call_id") if isinstance(one, dict) else None for one in results]
        if all(isinstance(one, str) for one in ids) and set(ids) == set(named):
            order = [named.index(one) for one in ids]
            turns[place + 1 : place + 1 + len(ids)] = [results[one] for one in order]
    return turns


def _calls_of(turn: Message, changes: set[Change]) -> list[str]:
    """The calls of an OpenAI message, in `tool_calls` or in the older `function_call`."""
    calls = turn.get("tool_calls") or []
    if not isinstance(calls, list):
        raise RejectError(f"tool_calls is {kind(calls)}")
    if turn.get("function_call"):
        calls = [*calls, turn["function_call"]]
    if calls:
        changes.add(Change.TOOLS)
    return [
        _as_text(call.get("function", call) if isinstance(call, dict) else call) for call in calls
    ]


def _calls_of_text(content: Any, number: int, changes: set[Change]) -> list[str]:
    """The calls in the content of a message that is one call, or a list of them."""
    value = content
    if isinstance(content, str):
        try:
            value = json.loads(content)
        except ValueError:
            return [content]  # ms-swift passes on what it can't read
    if isinstance(value, list):
        changes.add(Change.TOOLS)
        return [_as_text(call) for call in value]
    if not isinstance(value, dict):
        raise RejectError(f"the tool call in message {number} is {kind(value)}")
    if isinstance(content, str):
        return [content]
    changes.add(Change.TOOLS)
    return [_as_text(value)]


def _as_text(call: Any) -> str:
    if not isinstance(call, dict) or not isinstance(call.get("name"), str):
        raise RejectError("a tool call has no name")
    arguments = call.get("arguments", {})
    if isinstance(arguments, str):
        with suppress(ValueError):
            arguments = json.loads(arguments)
    return json.dumps({"name": call["name"], "arguments": arguments}, ensure_ascii=False)


_ROLES = {
    **{name: role for role, names in ROLES.items() for name in names},
    "model": "assistant",
    "chatgpt": "assistant",
    "developer": "system",
    "tool": "tool_response",
    "function": "tool_response",
}
"""Name of a role in ms-swift and elsewhere → the role."""


def _conversation(columns: Columns) -> Draft:
    """`messages`, `conversations` or `conversation`, whatever its messages look like."""
    draft = Draft()
    named = columns.has("messages")
    turns = columns.take(*COLUMNS["messages"])
    if isinstance(turns, str):
        turns = read_text(turns, "messages")
        draft.changes.add(Change.ROLES)
    if not isinstance(turns, list) or not turns:
        what = "empty" if turns == [] else kind(turns)
        raise RejectError(f"the list of messages is {what}")
    if not named:
        draft.changes.add(Change.TO_MESSAGES)
    in_parts: dict[str, list[str]] = {column: [] for column in MEDIA}
    for number, turn in enumerate(_in_order_of_calls(turns), start=1):
        if not isinstance(turn, dict):
            raise RejectError(f"message {number} is {kind(turn)}")
        if {"role", "content", "from", "value", "tool_calls"}.isdisjoint(turn):
            draft.messages += _pair(turn, number, draft)
        else:
            draft.messages += _turn(turn, number, draft, in_parts)
    system = columns.take(*COLUMNS["system"])
    if system:
        if any(message["role"] == "system" for message in draft.messages):
            raise RejectError("there is a system column and a system message")
        content = text_of(system, "system", draft.changes)
        draft.messages.insert(0, {"role": "system", "content": content})
        draft.changes.add(Change.TO_MESSAGES)
    _chosen(columns, draft)
    columns.finish(draft)
    _join_media(draft, in_parts)
    return draft


def _turn(
    turn: Message, number: int, draft: Draft, in_parts: dict[str, list[str]]
) -> list[Message]:
    """A message in ms-swift's words; several where it calls tools."""
    name = turn["role"] if "role" in turn else turn.get("from")
    role = _ROLES.get(str(name).lower().replace("-", "_"))
    if role is None:
        raise RejectError(f"message {number} has the role {name}, which ms-swift does not know")
    content = turn["content"] if "content" in turn else turn.get("value")
    # ms-swift itself writes `tool` for `tool_response` and back.
    if name not in {role, "tool"} or "from" in turn or "value" in turn:
        draft.changes.add(Change.ROLES)
    weights = {key: turn[key] for key in ("loss", "loss_scale") if turn.get(key) is not None}
    if turn.get("weight") is not None:  # OpenAI's fine-tuning files: 0 means not learnt
        weights["loss"] = bool(turn["weight"])
    calls = _calls_of(turn, draft.changes)
    if role == "tool_call":
        calls = _calls_of_text(content, number, draft.changes)
        content = None
    elif content is None and calls:
        return [{"role": "tool_call", "content": call, **weights} for call in calls]
    made: list[Message] = []
    if content is not None or not calls:
        text = _flatten(content, number, draft.changes, in_parts)
        if text or not calls:
            made.append({"role": role, "content": text, **weights})
    return made + [{"role": "tool_call", "content": call, **weights} for call in calls]


def _pair(turn: Message, number: int, draft: Draft) -> list[Message]:
    """A pair of question and answer as one message, as ms-swift calls ShareGPT."""
    question = next((turn[key] for key in ("user", "human") if key in turn), None)
    answer = next((turn[key] for key in ("assistant", "gpt", "bot") if key in turn), None)
    if question is None or answer is None:
        raise RejectError(f"message {number} has neither role nor a question with its answer")
    draft.changes.add(Change.ROLES)
    return [
        {"role": "user", "content": text_of(question, f"message {number}", draft.changes)},
        {"role": "assistant", "content": text_of(answer, f"message {number}", draft.changes)},
    ]


def _chosen(columns: Columns, draft: Draft) -> None:
    """Preference data of LLaMA-Factory: a last answer to prefer and one to avoid."""
    chosen, rejected = columns.take("chosen"), columns.take("rejected")
    if chosen is None and rejected is None:
        return
    answers = []
    for name, value in (("chosen", chosen), ("rejected", rejected)):
        content = value
        if isinstance(value, dict):
            content = value.get("value", value.get("content"))
        answers.append(text_of(content, name, draft.changes))
    draft.messages.append({"role": "assistant", "content": answers[0]})
    draft.kept["rejected_response"] = answers[1]
    draft.changes.add(Change.PREFERENCE)


def _join_media(draft: Draft, in_parts: dict[str, list[str]]) -> None:
    """Media named in parts of messages; ms-swift fails where the columns name some as well."""
    for column, references in in_parts.items():
        if not references:
            continue
        if draft.media.get(column, references) != references:
            raise RejectError(f"{column} are named both in messages and in their column")
        draft.media[column] = references


def _question(columns: Columns) -> Draft:
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
        draft.changes.add(Change.ANSWER_LIST)
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
    draft.changes.add(Change.TO_MESSAGES)
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
    draft.changes.add(Change.PREFERENCE)
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
