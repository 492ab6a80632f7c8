"""Hermes: tools and calls as JSON between tags (swift/agent_template/hermes.py)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from vlft.families.agents.base import AgentError, Answered, UntoldError
from vlft.families.agents.react import React

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vlft.families.agents.base import Call
    from vlft.families.agents.wording import Wording
    from vlft.families.chat import ChatTemplate


class Hermes:
    """The agent template of Qwen2-VL, Qwen2.5-VL and Qwen3-VL.

    Args:
        wording: Of the system prompt; None if it is not known.
    """

    def __init__(self, wording: Wording | None) -> None:
        self._wording = wording

    def system(self, tools: Sequence[dict[str, Any]], system: str | None) -> str:
        """The prompt, then the tools as they are."""
        described = "\n".join(json.dumps(tool, ensure_ascii=False) for tool in tools)
        if self._wording is None:
            raise UntoldError
        return self._wording.before.replace("{}", system or "") + described + self._wording.after

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
