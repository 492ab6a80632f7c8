"""Tools, their calls and their answers as an agent template writes them.

swift/template/base.py: _preprocess_tools, _preprocess_tool_call, _preprocess_standalone_tools,
_swift_prepare_inputs.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from vlft.data.rows.load import without_padding
from vlft.models.agents import AgentError, Call
from vlft.text import read_literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vlft.models.agents import AgentTemplate
    from vlft.models.chat import ChatTemplate

Message = dict[str, Any]
_LOSS = ("loss", "loss_scale")
ROLES = frozenset({"tool", "tool_call"})


def with_tools(
    messages: Sequence[Message], agent: AgentTemplate, template: ChatTemplate
) -> list[Message]:
    """The messages without calls; answers of tools have the text between their neighbours.

    Args:
        messages: Of a sample; contents are texts.
        agent: Writes what is about tools.
        template: Of the chat.

    Raises:
        AgentError: If ms-swift fails on them.
    """
    found = _with_calls(messages, agent)
    made: list[Message] = []
    place = 0
    while place < len(found):
        message = found[place]
        if message["role"] != "tool":
            made.append(dict(message))
            place += 1
            continue
        end = place
        while end < len(found) and found[end]["role"] == "tool":
            end += 1
        _add_answers(made, [one["content"] for one in found[place:end]], agent, template)
        place = end
    return made


def _with_calls(messages: Sequence[Message], agent: AgentTemplate) -> list[Message]:
    """Calls that follow each other become one answer, with the first `loss` among theirs."""
    found: list[Message] = []
    place = 0
    while place < len(messages):
        end = place
        while end < len(messages) and messages[end]["role"] == "tool_call":
            end += 1
        calls = messages[place:end]
        if not calls:
            found.append(messages[place])
            place += 1
            continue
        loss: Message = {}
        for message in calls:
            loss = {key: message[key] for key in _LOSS if key in message} | loss
        text = agent.calls([_call(message["content"]) for message in calls])
        found.append({"role": "assistant", "content": text, **loss})
        place = end
    return found


def _add_answers(
    made: list[Message], answers: list[str], agent: AgentTemplate, template: ChatTemplate
) -> None:
    before = made[-1] if made else None
    if before is not None and before["role"] == "assistant":
        alone = len(made) < 2 or made[-2]["role"] != "assistant"  # noqa: PLR2004 - the one before
        told = agent.answers(before["content"], answers, template, alone=alone)
        before["content"] = told.before
        made.append({"role": "tool", "content": told.prompt})
    elif before is not None and before["role"] == "user":
        before["content"] += agent.standalone(answers, template)
    else:
        raise AgentError("a tool's answer follows neither a question nor a call")


def _call(content: str) -> Call:
    call = parsed(content, None)
    if not isinstance(call, dict) or "name" not in call:
        raise AgentError("a call has no name")
    arguments = call.get("arguments")
    arguments = parsed(call.get("parameters") if arguments is None else arguments, None)
    if arguments is None:
        raise AgentError("a call has no arguments")
    return Call(call["name"], arguments)


def parsed(text: Any, otherwise: Any) -> Any:
    """A text read as JSON or else as Python, `otherwise` where it is neither; no text as it is."""
    if not isinstance(text, str):
        return text
    try:
        return read_literal(text)
    except ValueError:
        return otherwise


def prompt_of(
    tools: Sequence[Any], system: str | None, agent: AgentTemplate, template: ChatTemplate
) -> str | None:
    """The system prompt of a row with tools; None of a row without, or where none is written.

    Args:
        tools: Of a loaded row: objects, or texts that are JSON or Python.
        system: The row's own prompt.
        agent: Writes what is about tools.
        template: Of the chat.

    Raises:
        AgentError: If ms-swift fails on them.
        UntoldError: If the words of the agent template are not known.
    """
    if not tools:
        return None
    read = [without_padding(parsed(tool, None)) for tool in tools]
    wrapped = [
        tool if "type" in tool or "function" in tool else {"type": "function", "function": tool}
        for tool in read
    ]
    if not template.has_system:
        return None
    return agent.system(wrapped, template.default_system if system is None else system)


def is_exact(value: Any) -> bool:
    """Whether values come out of the data set as they stand in the file.

    `datasets` keeps them as JSON with ten decimals.
    """
    if isinstance(value, list):
        return all(map(is_exact, value))
    if isinstance(value, dict):
        return all(map(is_exact, value.values()))
    if isinstance(value, float):
        return math.isfinite(value) and f"{value:.10f}".rstrip("0") in {
            f"{value!r}",
            f"{value:.0f}.",
        }
    return value is None or isinstance(value, str | bool | int)
