"""Calls of tools in ms-swift's form: a message of role tool_call for each, JSON as its text."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from vlft.dataset.convert.draft import RejectError, kind_of

if TYPE_CHECKING:
    from vlft.dataset.convert.changes import Change
    from vlft.dataset.convert.draft import Message


def in_order_of_calls(turns: list[Any]) -> list[Any]:
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


def calls_of(turn: Message, changes: set[Change]) -> list[str]:
    """The calls of an OpenAI message, in `tool_calls` or in the older `function_call`."""
    calls = turn.get("tool_calls") or []
    if not isinstance(calls, list):
        raise RejectError(f"tool_calls is {kind_of(calls)}")
    if turn.get("function_call"):
        calls = [*calls, turn["function_call"]]
    if calls:
        changes.add("tools")
    return [
        _as_text(call.get("function", call) if isinstance(call, dict) else call) for call in calls
    ]


def calls_of_text(content: Any, number: int, changes: set[Change]) -> list[str]:
    """The calls in the content of a message that is one call, or a list of them."""
    value = content
    if isinstance(content, str):
        try:
            value = json.loads(content)
        except ValueError:
            return [content]  # ms-swift passes on what it can't read
    if isinstance(value, list):
        changes.add("tools")
        return [_as_text(call) for call in value]
    if not isinstance(value, dict):
        raise RejectError(f"the tool call in message {number} is {kind_of(value)}")
    if isinstance(content, str):
        return [content]
    changes.add("tools")
    return [_as_text(value)]


def _as_text(call: Any) -> str:
    if not isinstance(call, dict) or not isinstance(call.get("name"), str):
        raise RejectError("a tool call has no name")
    arguments = call.get("arguments", {})
    if isinstance(arguments, str):
        with suppress(ValueError):
            arguments = json.loads(arguments)
    return json.dumps({"name": call["name"], "arguments": arguments}, ensure_ascii=False)
