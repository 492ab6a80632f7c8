"""Rows with messages: roles and contents under all the names that ms-swift knows.

Messages as OpenAI and Anthropic write tool calls and blocks are brought into ms-swift's form.
"""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

from vlft.data import rules
from vlft.data.rows.columns import ROLES, SPEAKERS
from vlft.text import kind, read_literal, shown

if TYPE_CHECKING:
    from vlft.data.findings import RowLostError

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
    return rules.BLOCKS.lost(f"a block is {shown(block)}", hint, "messages")


_OF_TOOLS = {name: role for role in ("tool_call", "tool_response") for name in ROLES[role][1:]}
_FORM = 'write messages as [{"role": "user", "content": "…"}, …]'


def _malformed(said: str, place: str = "") -> RowLostError:
    return rules.MESSAGES_FORM.lost(said, _FORM, f"messages{place}")


def from_messages(row: dict[str, Any]) -> list[Message]:
    """The messages of a row under ms-swift's names; its system column is taken out of it.

    Raises:
        RowLostError: If ms-swift deletes the row.
    """
    messages = _parsed(row)
    if not messages or isinstance(messages, str):
        raise _none_there(row, messages)
    if not isinstance(messages, list):
        raise _malformed(f"messages is {kind(messages)}")
    for index, item in enumerate(messages):
        if not isinstance(item, dict):
            raise _malformed(f"message {index} is {kind(item)}", f".{index}")
    messages, images = normalized(messages)
    if images:
        if row.get("images"):
            message = "images stand both in Anthropic's blocks and in the images column"
            raise rules.BLOCKS.lost(message, "keep them in one place", "images")
        row["images"] = images
    _rename_keys(messages, "role", ("role", "from"))
    _rename_keys(messages, "content", ("content", "value"))
    system = row.pop("system", None)
    if "role" not in messages[0] and "content" not in messages[0]:
        return _from_pairs(messages, system)
    _name_roles(messages, system)
    return messages


def _parsed(row: dict[str, Any]) -> Any:
    value = row.get("messages")
    if "messages" not in row:
        found = [name for name in ("conversations", "conversation") if name in row]
        message = f"there is no messages column; {' and '.join(found)} were not renamed"
        raise rules.NO_MESSAGES.lost(message, "keep one of these columns, named messages")
    if not isinstance(value, str):
        return value
    try:
        return read_literal(value)
    except ValueError:
        said = f"messages is the text {shown(value)}, neither JSON nor Python"
        raise _malformed(said) from None


def _none_there(row: dict[str, Any], value: Any) -> RowLostError:
    others = [
        name
        for name in ("query", "prompt", "instruction", "question", "response", "answer", "output")
        if row.get(name) is not None
    ]
    if value is None and others:
        message = f"a row with {', '.join(others)} in a file of messages"
        return rules.NO_MESSAGES.lost(message, "write it as messages, or into another file")
    return rules.NO_MESSAGES.lost(f"messages is {shown(value)}", _FORM, "messages")


def _rename_keys(messages: list[Message], name: str, aliases: tuple[str, ...]) -> None:
    for message in messages:
        for key in aliases:
            if key in message:
                message[name] = message.pop(key)


def _from_pairs(messages: list[Message], system: Any) -> list[Message]:
    """ShareGPT's older form: a question and an answer in one object."""
    _rename_keys(messages, "user", ROLES["user"])
    _rename_keys(messages, "assistant", ROLES["assistant"])
    found: list[Message] = []
    if system is not None:
        found.append({"role": "system", "content": system})
    for index, message in enumerate(messages):
        for role in ("user", "assistant"):
            if role not in message:
                said = f"message {index} has the keys {', '.join(message) or 'none'}, no {role}"
                raise _malformed(said, f".{index}")
            found.append({"role": role, "content": message[role]})
    return found


def _name_roles(messages: list[Message], system: Any) -> None:
    if messages[0].get("role") != "system" and "role" in messages[0] and system is not None:
        messages.insert(0, {"role": "system", "content": system})
    for index, message in enumerate(messages):
        if "role" not in message:
            raise _malformed(f"message {index} has no role", f".{index}")
        role = message["role"]
        if not isinstance(role, str):
            raise unknown_role(index, role)
        # Names of tools' roles may be written with hyphens.
        name = SPEAKERS.get(role) or _OF_TOOLS.get(role.replace("-", "_"))
        message["role"] = name or role


def unknown_role(index: int, role: Any) -> RowLostError:
    """What to say about a role that ms-swift does not know."""
    from vlft.text import nearest  # noqa: PLC0415 - only for a mistake

    known = [name for names in ROLES.values() for name in names]
    meant = {"model": "assistant", "developer": "system", "ai": "assistant"}
    close = None
    if isinstance(role, str):
        close = meant.get(role.lower()) or nearest(role, known)
    hint = f"write {close}" if close else f"write one of {', '.join(ROLES)}"
    return rules.ROLE.lost(f"the role {shown(role)} is unknown", hint, f"messages.{index}.role")
