"""Rows that are conversations: ShareGPT in its forms, and messages of ms-swift and OpenAI."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlft.dataset.convert.columns import MESSAGES, SYSTEM
from vlft.dataset.convert.draft import MEDIA, Draft, RejectError, kind_of, text_of
from vlft.dataset.convert.parts import flatten
from vlft.dataset.convert.questions import read_text
from vlft.dataset.convert.tool_calls import calls_of, calls_of_text, in_order_of_calls

if TYPE_CHECKING:
    from vlft.dataset.convert.columns import Columns
    from vlft.dataset.convert.draft import Message

_ROLES = {
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "bot": "assistant",
    "model": "assistant",
    "chatgpt": "assistant",
    "system": "system",
    "developer": "system",
    "tool_call": "tool_call",
    "function_call": "tool_call",
    "tool": "tool_response",
    "tool_response": "tool_response",
    "function": "tool_response",
    "function_response": "tool_response",
    "observation": "tool_response",
    "observations": "tool_response",
}


def conversation_draft(columns: Columns) -> Draft:
    """`messages`, `conversations` or `conversation`, whatever its messages look like."""
    draft = Draft()
    named = columns.has("messages")
    turns = columns.take(*MESSAGES)
    if isinstance(turns, str):
        turns = read_text(turns, "messages")
        draft.changes.add("roles")
    if not isinstance(turns, list) or not turns:
        what = "empty" if turns == [] else kind_of(turns)
        raise RejectError(f"the list of messages is {what}")
    if not named:
        draft.changes.add("to-messages")
    in_parts: dict[str, list[str]] = {column: [] for column in MEDIA}
    for number, turn in enumerate(in_order_of_calls(turns), start=1):
        if not isinstance(turn, dict):
            raise RejectError(f"message {number} is {kind_of(turn)}")
        if {"role", "content", "from", "value", "tool_calls"}.isdisjoint(turn):
            draft.messages += _pair(turn, number, draft)
        else:
            draft.messages += _turn(turn, number, draft, in_parts)
    system = columns.take(*SYSTEM)
    if system:
        if any(message["role"] == "system" for message in draft.messages):
            raise RejectError("there is a system column and a system message")
        content = text_of(system, "system", draft.changes)
        draft.messages.insert(0, {"role": "system", "content": content})
        draft.changes.add("to-messages")
    _chosen(columns, draft)
    tag = columns.take("kto_tag")
    if tag is not None:
        draft.kept["label"] = bool(tag)
        draft.changes.add("preference")
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
        draft.changes.add("roles")
    weights = {key: turn[key] for key in ("loss", "loss_scale") if turn.get(key) is not None}
    if turn.get("weight") is not None:  # OpenAI's fine-tuning files: 0 means not learnt
        weights["loss"] = bool(turn["weight"])
    calls = calls_of(turn, draft.changes)
    if role == "tool_call":
        calls = calls_of_text(content, number, draft.changes)
        content = None
    elif content is None and calls:
        return [{"role": "tool_call", "content": call, **weights} for call in calls]
    made: list[Message] = []
    if content is not None or not calls:
        text = flatten(content, number, draft.changes, in_parts)
        if text or not calls:
            made.append({"role": role, "content": text, **weights})
    return made + [{"role": "tool_call", "content": call, **weights} for call in calls]


def _pair(turn: Message, number: int, draft: Draft) -> list[Message]:
    """A pair of question and answer as one message, as ms-swift calls ShareGPT."""
    question = next((turn[key] for key in ("user", "human") if key in turn), None)
    answer = next((turn[key] for key in ("assistant", "gpt", "bot") if key in turn), None)
    if question is None or answer is None:
        raise RejectError(f"message {number} has neither role nor a question with its answer")
    draft.changes.add("roles")
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
    draft.changes.add("preference")


def _join_media(draft: Draft, in_parts: dict[str, list[str]]) -> None:
    """Media named in parts of messages; ms-swift fails where the columns name some as well."""
    for column, references in in_parts.items():
        if not references:
            continue
        if draft.media.get(column, references) != references:
            raise RejectError(f"{column} are named both in messages and in their column")
        draft.media[column] = references
