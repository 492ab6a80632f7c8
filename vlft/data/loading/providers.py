"""Messages as OpenAI and Anthropic write tool calls and blocks, brought into ms-swift's form."""

from __future__ import annotations

import contextlib
import json
from typing import Any

from vlft.data import rules
from vlft.data.outcomes import RowLostError
from vlft.text import shown

Message = dict[str, Any]
_LOSS = ("loss", "loss_scale")
_ANTHROPIC = frozenset({"tool_use", "tool_result"})


def normalized(messages: list[Message]) -> tuple[list[Message], list[str]]:
    """The messages in ms-swift's form, and the images that stood in Anthropic's blocks.

    Raises:
        RowLostError: If a block has a type that ms-swift does not know.
    """
    if any(message.get("tool_calls") for message in messages):
        return openai_messages(messages), []
    if any(
        isinstance(message.get("content"), list)
        and any(
            block.get("type") in _ANTHROPIC or (block.get("type") == "image" and "source" in block)
            for block in message["content"]
        )
        for message in messages
    ):
        images: list[str] = []
        return _anthropic_messages(messages, images), images
    return messages, []


def openai_messages(messages: list[Message]) -> list[Message]:
    """A tool_call message for each entry of an assistant's tool_calls."""
    found: list[Message] = []
    messages = list(messages)
    for index, message in enumerate(messages):
        calls = message.get("tool_calls") if message.get("role") == "assistant" else None
        if not calls:
            found.append(message)
            continue
        _sort_answers(messages, index + 1, calls)
        if message.get("content"):
            found.append(
                {key: message[key] for key in ("role", "content", *_LOSS) if key in message}
            )
        found.extend(_tool_call(call, message) for call in calls)
    return found


def _sort_answers(messages: list[Message], start: int, calls: list[Any]) -> None:
    """Puts the answers of tools in the order of their calls, if the ids tell it."""
    order = {call.get("id"): index for index, call in enumerate(calls)}
    end = start
    while end < len(messages) and messages[end].get("role") in {"tool", "tool_response"}:
        end += 1
    answers = messages[start:end]
    known = {answer.get("tool_call_id") for answer in answers}
    if None not in order and len(order) == len(calls) == len(answers) and set(order) == known:
        messages[start:end] = sorted(answers, key=lambda answer: order[answer["tool_call_id"]])


def _tool_call(call: Message, message: Message) -> Message:
    function = call.get("function", call)
    arguments = function.get("arguments", {})
    if isinstance(arguments, str):
        with contextlib.suppress(ValueError):
            arguments = json.loads(arguments)
    content = {"name": function["name"], "arguments": arguments}
    return {
        "role": "tool_call",
        "content": content,
        **{key: message[key] for key in _LOSS if key in message},
    }


def _anthropic_messages(messages: list[Message], images: list[str]) -> list[Message]:
    found: list[Message] = []
    for message in messages:
        content = message.get("content")
        if not isinstance(content, list):
            found.append(message)
            continue
        loss = {key: message[key] for key in _LOSS if key in message}
        text = ""
        for block in content:
            kind = block.get("type")
            if kind in {"text", "image"}:
                text += _block_text(block, images)
                continue
            if text:
                found.append({"role": message["role"], "content": text, **loss})
                text = ""
            if kind == "tool_use":
                called = {"name": block["name"], "arguments": block.get("input", {})}
                found.append({"role": "tool_call", "content": called, **loss})
            elif kind == "tool_result":
                answer = block.get("content", "")
                if isinstance(answer, list):
                    answer = "".join(_block_text(part, images) for part in answer)
                found.append({"role": "tool_response", "content": answer, **loss})
            else:
                raise _unknown(block)
        if text:
            found.append({"role": message["role"], "content": text, **loss})
    return found


def _block_text(block: Message, images: list[str]) -> str:
    if block.get("type") == "text":
        text = block.get("text", "")
        if not isinstance(text, str):
            raise _unknown(block)
        return text
    if block.get("type") != "image":
        raise _unknown(block)
    source = block.get("source") or {}
    if source.get("type") == "base64" and source.get("media_type") and source.get("data"):
        images.append(f"data:{source['media_type']};base64,{source['data']}")
    elif source.get("type") == "url" and source.get("url"):
        images.append(source["url"])
    else:
        raise _unknown(block)
    return "<image>"


def _unknown(block: Any) -> RowLostError:
    hint = "write text, image, tool_use or tool_result blocks, or plain messages"
    return RowLostError(rules.BLOCKS.found(f"a block is {shown(block)}", hint, "messages"))
