"""Order of messages, and whether there is an answer to learn."""

from __future__ import annotations

import ast
import json
from typing import TYPE_CHECKING, Any

from vlft.dataset.loading.texts import kind, shown
from vlft.dataset.rows import rules

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vlft.dataset.fates import RowProblem
    from vlft.dataset.rows.context import Context
    from vlft.dataset.rows.sample import Message, Sample

_TOOLS = frozenset({"tool", "tool_call"})


def check_tools(sample: Sample, _: Context) -> Iterator[RowProblem]:
    """Descriptions of tools and calls that the agent template can't read."""
    tools = sample.row.get("tools")
    if isinstance(tools, str):
        tools = parsed(tools, tools)
    if tools and not isinstance(tools, list):
        tools = [tools]
    for index, tool in enumerate(tools or []):
        read = parsed(tool, None)
        if not isinstance(read, dict):
            said = f"a tool is {shown(tool)}"
            yield rules.TOOLS.found(said, "write its JSON schema", f"tools.{index}")
    for index, message in enumerate(sample.messages):
        if message["role"] == "tool_call" and not _is_call(message["content"]):
            text = f"a tool_call is {shown(message['content'])}"
            hint = 'write {"name": "…", "arguments": {…}}'
            yield rules.TOOLS.found(text, hint, f"messages.{index + sample.offset}.content")


def parsed(text: Any, otherwise: Any) -> Any:
    """A text read as JSON or else as Python, `otherwise` where it is neither; no text as it is."""
    if not isinstance(text, str):
        return text
    try:
        return json.loads(text)
    except ValueError:
        pass
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        return otherwise


def _is_call(content: Any) -> bool:
    call = parsed(content, None)
    if not isinstance(call, dict) or "name" not in call:
        return False
    arguments = call.get("arguments")
    arguments = call.get("parameters") if arguments is None else arguments
    return parsed(arguments, None) is not None


_PROMPTS = frozenset({"grpo", "ppo"})


def check_turns(sample: Sample, context: Context) -> Iterator[RowProblem]:
    """Roles in an order that the template can't take, or joins."""
    if sample.system is not None and not isinstance(sample.system, str) and sample.system:
        said = f"the system prompt is {kind(sample.system)}"
        hint = "write it as a text"
        yield rules.SYSTEM_FORM.found(said, hint, f"messages.{sample.offset - 1}.content")
    turns: list[str] = []
    for index, message in enumerate(sample.messages):
        role, key = message["role"], f"messages.{index + sample.offset}"
        if role == "system":
            text = "a system message stands after the first message"
            yield rules.TURNS.found(text, "put it first; there can be one only", f"{key}.role")
            return
        if role == "tool" and (index == 0 or sample.messages[index - 1]["role"] == "system"):
            text = "a tool's answer stands before any question"
            yield rules.TURNS.found(text, "put the question and the tool_call before it", key)
            return
        spoken = "assistant" if role == "tool_call" else role
        before = turns[-1] if turns else None
        if role == "tool" and before in {"tool", "user"}:
            continue
        if role == "user" and before == "tool":
            text = "a question follows a tool's answer"
            yield rules.TURNS.found(text, "put the assistant's answer between them", key)
            return
        if spoken == before:
            yield from _joined(sample.messages, index, key)
            continue
        turns.append(spoken)
    settings = context.settings
    if settings.task == "rlhf" and settings.swift.get("rlhf_type") in _PROMPTS:
        return  # the model writes the answers itself
    yield from _answers(sample)


def _joined(messages: list[Message], index: int, key: str) -> Iterator[RowProblem]:
    first, second = messages[index - 1], messages[index]
    if second["role"] != "user" and _TOOLS & {first["role"], second["role"]}:
        return
    one, two = first["content"], second["content"]
    if one == "" or two == "":
        return
    name = "questions" if second["role"] == "user" else "answers"
    message = f"two {name} follow each other and become one text without a space: "
    message += f"{shown(one)} {shown(two)}"
    yield rules.GLUED.found(message, "make them one message, or put the other role between", key)


def _answers(sample: Sample) -> Iterator[RowProblem]:
    roles = [message["role"] for message in sample.messages]
    answers = [
        (index, message)
        for index, message in enumerate(sample.messages)
        if message["role"] in {"assistant", "tool_call"}
    ]
    if not answers:
        hint = "add a message with the role assistant, or a response column"
        yield rules.NO_ANSWER.found("there is no answer", hint)
        return
    empty = [index for index, message in answers if message["content"] == ""]
    if empty:
        key = f"messages.{empty[0] + sample.offset}.content"
        yield rules.EMPTY_ANSWER.found("the answer is empty", "write one, or leave it out", key)
    if roles[0] in {"assistant", "tool_call"}:
        message = "the first message is an answer, and gets an empty question"
        hint = "put a question before it (for plain texts: task: pt)"
        yield rules.EMPTY_QUESTION.found(message, hint, f"messages.{sample.offset}")
    if roles[-1] in {"user", "tool"}:
        key = f"messages.{len(roles) - 1 + sample.offset}"
        yield rules.UNANSWERED.found("the last message has no answer", "add one, or cut it", key)
