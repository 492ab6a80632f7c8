"""ReAct and its relatives: calls as lines with key words (swift/agent_template/base.py)."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from vlft.models.agents.base import AgentError, Answered, UntoldError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vlft.models.agents.base import Call
    from vlft.models.agents.wording import Wording
    from vlft.models.chat import ChatTemplate


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


@dataclass(frozen=True)
class KeyWords:
    """What stands before a tool's name, its arguments and its answer."""

    name: str = "Action:"
    arguments: str = "Action Input:"
    answer: str = "Observation:"


@dataclass(frozen=True)
class ReactPrompt:
    """What tells one of them from another.

    Attributes:
        words: Key words.
        takes_standalone: Whether answers may follow a question.
    """

    words: KeyWords = KeyWords()
    takes_standalone: bool = False


_REACT: Final = ReactPrompt(takes_standalone=True)
_QWEN: Final = ReactPrompt(KeyWords("✿FUNCTION✿:", "✿ARGS✿:", "✿RESULT✿:"))
PROMPTS: Final = {
    "react_en": _REACT,
    "react_zh": _REACT,
    "qwen_en": _QWEN,
    "qwen_zh": _QWEN,
    "qwen_en_parallel": _QWEN,
    "qwen_zh_parallel": _QWEN,
}
"""Name of the agent template → what is its own."""

_FIELD = re.compile(r"\{(form|name|human|description|parameters)\}")


class React:
    """An agent template with key words.

    Args:
        prompt: What is its own.
        wording: Of the system prompt; None if it is not known.
    """

    def __init__(self, prompt: ReactPrompt = ReactPrompt(), wording: Wording | None = None) -> None:
        self._prompt = prompt
        self._words = prompt.words
        self._wording = wording

    @staticmethod
    def calls_in(text: str) -> bool:
        """Whether a message calls a tool in ReAct's words."""
        return _calls_in(text, KeyWords())

    def system(self, tools: Sequence[dict[str, Any]], system: str | None) -> str:
        """The tools described in words."""
        told = [_described(tool) for tool in tools]
        wording = self._wording
        if wording is None:
            raise UntoldError
        said = [one | {"form": wording.form} for one in told]
        texts = [_FIELD.sub(lambda found: one[found[1]], wording.tool) for one in said]  # noqa: B023
        names = ",".join(one["name"] for one in told)
        before = wording.before.replace("{}", system or "")
        return before + "\n\n".join(texts) + wording.after.replace("{}", names)

    def calls(self, calls: Sequence[Call]) -> str:
        """Two lines a call; arguments as Python writes them."""
        words = self._words
        texts = [f"{words.name} {one.name}\n{words.arguments} {one.arguments}\n" for one in calls]
        return "".join([*texts, words.answer])

    def answers(
        self,
        before: str,
        answers: Sequence[str],
        template: ChatTemplate,  # noqa: ARG002 - ReAct has no turns for tools
        *,
        alone: bool,  # noqa: ARG002 - the last part of a message is looked at
    ) -> Answered:
        """Answers in the assistant's own turn, behind the word for them if it was a call."""
        if not _calls_in(before, self._words):
            return Answered(before, "".join(answers))
        word = self._words.answer
        if not before.endswith(word):
            before += word if before.endswith("\n") else f"\n{word}"
        return Answered(
            before,
            word.join(one if one.endswith("\n") else f"{one}\n" for one in answers),
        )

    def standalone(
        self,
        answers: Sequence[str],
        template: ChatTemplate,  # noqa: ARG002
    ) -> str:
        """Each answer on lines of its own."""
        if not self._prompt.takes_standalone:
            raise AgentError("the agent template has no form for a tool's answer to a question")
        return "".join(f"\n{self._words.answer}\n{answer}" for answer in answers)


def _calls_in(text: str, words: KeyWords) -> bool:
    return words.name in text and words.arguments in text


def _described(tool: dict[str, Any]) -> dict[str, str]:
    """What is said of a tool: name, name for people, description, parameters."""
    function = tool["function"] if "type" in tool and "function" in tool else tool
    if not isinstance(function, dict):
        raise AgentError("a tool's function is no object")
    name = function.get("name_for_model") or function.get("name")
    text = function.get("description")
    text = function.get("description_for_model") if text is None else text
    if not isinstance(name, str) or text is None:
        raise AgentError("a tool has no name or no description")
    parameters = function.get("parameters") or {}
    if not isinstance(parameters, str):
        parameters = json.dumps(parameters, ensure_ascii=False)
    human = function.get("name_for_human") or name
    return {"name": name, "human": str(human), "description": str(text), "parameters": parameters}
