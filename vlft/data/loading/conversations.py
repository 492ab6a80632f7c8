"""Rows with messages: roles and contents under all the names that ms-swift knows."""

from __future__ import annotations

from typing import Any

from vlft.data import rules
from vlft.data.loading.aliases import ROLES, SPEAKERS
from vlft.data.loading.providers import normalized
from vlft.data.outcomes import RowLostError
from vlft.text import kind, read_literal, shown

Message = dict[str, Any]

_OF_TOOLS = {name: role for role in ("tool_call", "tool_response") for name in ROLES[role][1:]}
_FORM = 'write messages as [{"role": "user", "content": "…"}, …]'


def from_messages(row: dict[str, Any]) -> list[Message]:
    """The messages of a row under ms-swift's names; its system column is taken out of it.

    Raises:
        RowLostError: If ms-swift deletes the row.
    """
    messages = _parsed(row)
    if not messages or isinstance(messages, str):
        raise RowLostError(_none_there(row, messages))
    if not isinstance(messages, list):
        message = f"messages is {kind(messages)}"
        raise RowLostError(rules.MESSAGES_FORM.found(message, _FORM, "messages"))
    for index, item in enumerate(messages):
        if not isinstance(item, dict):
            message = f"message {index} is {kind(item)}"
            raise RowLostError(rules.MESSAGES_FORM.found(message, _FORM, f"messages.{index}"))
    messages, images = normalized(messages)
    if images:
        if row.get("images"):
            message = "images stand both in Anthropic's blocks and in the images column"
            raise RowLostError(rules.BLOCKS.found(message, "keep them in one place", "images"))
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
        raise RowLostError(
            rules.NO_MESSAGES.found(message, "keep one of these columns, named messages")
        )
    if not isinstance(value, str):
        return value
    try:
        return read_literal(value)
    except ValueError:
        message = f"messages is the text {shown(value)}, neither JSON nor Python"
        raise RowLostError(rules.MESSAGES_FORM.found(message, _FORM, "messages")) from None


def _none_there(row: dict[str, Any], value: Any) -> Any:
    others = [
        name
        for name in ("query", "prompt", "instruction", "question", "response", "answer", "output")
        if row.get(name) is not None
    ]
    if value is None and others:
        message = f"a row with {', '.join(others)} in a file of messages"
        return rules.NO_MESSAGES.found(message, "write it as messages, or into another file")
    return rules.NO_MESSAGES.found(f"messages is {shown(value)}", _FORM, "messages")


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
                problem = rules.MESSAGES_FORM.found(said, _FORM, f"messages.{index}")
                raise RowLostError(problem)
            found.append({"role": role, "content": message[role]})
    return found


def _name_roles(messages: list[Message], system: Any) -> None:
    if messages[0].get("role") != "system" and "role" in messages[0] and system is not None:
        messages.insert(0, {"role": "system", "content": system})
    for index, message in enumerate(messages):
        if "role" not in message:
            raise RowLostError(
                rules.MESSAGES_FORM.found(
                    f"message {index} has no role", _FORM, f"messages.{index}"
                )
            )
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
    return RowLostError(
        rules.ROLE.found(f"the role {shown(role)} is unknown", hint, f"messages.{index}.role")
    )
