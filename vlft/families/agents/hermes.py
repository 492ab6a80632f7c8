"""Hermes: tools and calls as JSON between tags (swift/agent_template/hermes.py)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from vlft.families.agents.base import AgentError, Answered
from vlft.families.agents.react import React

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vlft.families.agents.base import Call
    from vlft.families.chat import ChatTemplate

_BEFORE_TOOLS = """

# Tools

You may call one or more functions to assist with the user query.

You are provided with function signatures within <tools></tools> XML tags:
<tools>
"""
_AFTER_TOOLS = """
</tools>

For each function call, return a json object with function name and arguments \
within <tool_call></tool_call> XML tags:
<tool_call>
{"name": <function-name>, "arguments": <args-json-object>}
</tool_call>"""


class Hermes:
    """The agent template of Qwen2-VL, Qwen2.5-VL and Qwen3-VL."""

    def system(self, tools: Sequence[dict[str, Any]], system: str | None) -> str:
        """The prompt, then the tools as they are."""
        described = "\n".join(json.dumps(tool, ensure_ascii=False) for tool in tools)
        return f"{system or ''}{_BEFORE_TOOLS}{described}{_AFTER_TOOLS}"

    def calls(self, calls: Sequence[Call]) -> str:
        """A block for each call."""
        texts = (json.dumps(call._asdict(), ensure_ascii=False) for call in calls)
        return "\n".join(f"<tool_call>\n{text}\n</tool_call>" for text in texts)

    def answers(
        self, before: str, answers: Sequence[str], template: ChatTemplate, *, alone: bool
    ) -> Answered:
        """A question with a block for each answer; after a call in ReAct's form, as ReAct."""
        if alone and React.calls_in(before):
            return React().answers(before, answers, template, alone=alone)
        if template.separator is None:
            raise AgentError("the template without a chat has no place for a tool's answer")
        return Answered(before, template.separator + _blocks(answers).join(template.prompt))

    def standalone(self, answers: Sequence[str], template: ChatTemplate) -> str:
        """Another question with a block for each answer."""
        return f"{template.separator or ''}{template.prompt[0]}{_blocks(answers)}"


def _blocks(answers: Sequence[str]) -> str:
    return "\n".join(f"<tool_response>\n{answer}\n</tool_response>" for answer in answers)
