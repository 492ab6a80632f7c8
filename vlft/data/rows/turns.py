"""Order of messages, and tools, their calls and their answers as an agent template writes them.

swift/template/base.py: _preprocess_tools, _preprocess_tool_call, _preprocess_standalone_tools,
_swift_prepare_inputs.
"""

from __future__ import annotations

import math
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from vlft.data import rules
from vlft.data.rows.load import without_padding
from vlft.data.settings import agent_of, chat_template, learns_all
from vlft.models.agents import AgentError, AgentTemplate, Call, UntoldError
from vlft.text import kind, read_literal, shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vlft.data.findings import RowProblem
    from vlft.data.rows.media import Context
    from vlft.data.rows.sample import Sample
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
    made: list[Message] = []
    for role, group in groupby(_with_calls(messages, agent), itemgetter("role")):
        if role == "tool":
            _add_answers(made, [one["content"] for one in group], agent, template)
        else:
            made += map(dict, group)
    return made


def _with_calls(messages: Sequence[Message], agent: AgentTemplate) -> list[Message]:
    """Calls that follow each other become one answer, with the first `loss` among theirs."""
    found: list[Message] = []
    for role, group in groupby(messages, itemgetter("role")):
        if role != "tool_call":
            found += group
            continue
        calls = list(group)
        loss = {key: one[key] for one in reversed(calls) for key in _LOSS if key in one}
        text = agent.calls([_call(message["content"]) for message in calls])
        found.append({"role": "assistant", "content": text, **loss})
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
    call = parsed(content)
    if not isinstance(call, dict) or "name" not in call:
        raise AgentError("a call has no name")
    arguments = call.get("arguments")
    arguments = parsed(call.get("parameters") if arguments is None else arguments)
    if arguments is None:
        raise AgentError("a call has no arguments")
    return Call(call["name"], arguments)


def parsed(text: Any) -> Any:
    """A text read as JSON or else as Python, None where it is neither; no text as it is."""
    if not isinstance(text, str):
        return text
    try:
        return read_literal(text)
    except ValueError:
        return None


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
    read = [without_padding(parsed(tool)) for tool in tools]
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


def check_tools(sample: Sample, context: Context) -> Iterator[RowProblem]:
    """Descriptions of tools and calls that the agent template can't read."""
    tools = sample.row.get("tools") or []
    broken = False
    for index, tool in enumerate(tools):
        if not isinstance(parsed(tool), dict):
            broken = True
            said = f"a tool is {shown(tool)}"
            yield rules.TOOLS.found(said, "write its JSON schema", f"tools.{index}")
    for index, message in enumerate(sample.messages):
        if message["role"] == "tool_call" and not _is_call(message["content"]):
            broken = True
            text = f"a tool_call is {shown(message['content'])}"
            hint = 'write {"name": "…", "arguments": {…}}'
            yield rules.TOOLS.found(text, hint, f"messages.{index + sample.offset}.content")
    if not broken and (tools or any(message["role"] in ROLES for message in sample.messages)):
        yield from _written(sample, context)


def _written(sample: Sample, context: Context) -> Iterator[RowProblem]:
    """What the agent template, or the lack of one, makes of tools."""
    template, agent = chat_template(context.settings), agent_of(context.settings)
    if template is None or context.settings.swift.get("template_backend", "swift") != "swift":
        return
    if not context.settings.swift.get("agent_template") and template.agent is None:
        said = f"the row has tools, and the template {template.name} has no agent template"
        hint = "write one under swift.agent_template, hermes or react_en for example"
        yield rules.TOOLS.found(said, hint, "tools" if sample.row.get("tools") else "messages")
        return
    if agent is None or any(not isinstance(one["content"], str) for one in sample.messages):
        return
    try:
        prompt_of(sample.row.get("tools") or [], sample.system, agent, template)
        with_tools(sample.messages, agent, template)
    except UntoldError:
        return
    except AgentError as error:
        hint = "give each tool a name and a description; put a tool's answer behind its call"
        yield rules.TOOLS.found(f"the agent template fails: {error}", hint, "tools")


def _is_call(content: Any) -> bool:
    try:
        _call(content)
    except AgentError:
        return False
    return True


_PROMPTS = frozenset({"grpo", "ppo"})
_ANSWERLESS = frozenset({"embedding", "reranker", "generative_reranker", "seq_cls"})
"""Values of task_type whose rows teach by more than their answers."""


def check_turns(sample: Sample, context: Context) -> Iterator[RowProblem]:
    """Roles in an order that the template can't take, or joins."""
    yield from _check_system(sample, context)
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
    if settings.swift.get("task_type", "causal_lm") in _ANSWERLESS:
        return
    if learns_all(settings):
        yield from _whole_texts(sample)
        return
    yield from _answers(sample)


def _check_system(sample: Sample, context: Context) -> Iterator[RowProblem]:
    """A system prompt that is no text, or that is not written down."""
    if sample.system is not None and not isinstance(sample.system, str) and sample.system:
        said = f"the system prompt is {kind(sample.system)}"
        hint = "write it as a text"
        yield rules.SYSTEM_FORM.found(said, hint, f"messages.{sample.offset - 1}.content")
    template = chat_template(context.settings)
    if sample.system and template is not None and not template.has_system:
        said = f"the system prompt {shown(sample.system)} is left out"
        hint = "write it into the text, or set use_chat_template: true"
        yield rules.SYSTEM_UNREAD.found(said, hint, f"messages.{sample.offset - 1}.content")


def _whole_texts(sample: Sample) -> Iterator[RowProblem]:
    """Rows of which all is learnt, as `swift pt` does."""
    if all(message["content"] == "" for message in sample.messages) and sample.messages[-1][
        "role"
    ] in {"user", "tool"}:
        yield rules.UNENCODABLE.found("the row is empty", "write a text, or leave it out")


def _joined(messages: list[Message], index: int, key: str) -> Iterator[RowProblem]:
    first, second = messages[index - 1], messages[index]
    if second["role"] != "user" and ROLES & {first["role"], second["role"]}:
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
