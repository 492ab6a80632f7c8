"""How ms-swift writes tools, their calls and their answers into a conversation.

The words around tools in a system prompt are the trainer's, and differ from release to release:
they are read from the installed ms-swift. Its source is parsed, never run: each agent template has
a `_format_tools` that returns a sum of strings, f-strings and joined lists (swift/agent_template of
4.x; swift/plugin/agent_template of 3.12).
"""

from __future__ import annotations

import ast
import json
import re
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vlft.models.chat import ChatTemplate


class AgentError(Exception):
    """ms-swift fails on the row."""


class UntoldError(Exception):
    """The words that ms-swift writes are not known."""


class Call(NamedTuple):
    """A call of a tool."""

    name: Any
    arguments: Any


class Answered(NamedTuple):
    """What tools' answers after an assistant's message make of the two.

    Attributes:
        before: That message's text.
        prompt: Everything between it and the next message, as it stands in the text.
    """

    before: str
    prompt: str


@lru_cache
def agent_named(name: str | None, swift_dir: str | None) -> AgentTemplate | None:
    """An agent template; None if it is not known.

    Args:
        name: As `--agent_template` takes it.
        swift_dir: Folder of the trainer's package `swift`, whose words it takes; None if there is
            none, and then it knows no system prompt.
    """
    if name is None or name not in _CLASSES:
        return None
    wording = _wording(name, swift_dir)
    if name == "hermes":
        return Hermes(wording)
    return React(_QWEN if name.startswith("qwen") else _REACT, wording)


class Hermes:
    """The agent template of Qwen2-VL, Qwen2.5-VL and Qwen3-VL (swift/agent_template/hermes.py).

    Args:
        wording: Of the system prompt; None if it is not known.
    """

    def __init__(self, wording: Wording | None) -> None:
        self._wording = wording

    def system(self, tools: Sequence[dict[str, Any]], system: str | None) -> str:
        """The system prompt that names the tools: the row's own, then the tools as they are.

        Args:
            tools: Each with `type` and `function`, or the one that the row has.
            system: The row's own prompt, or the template's.

        Raises:
            UntoldError: If the words of the prompt are not known.
        """
        described = "\n".join(json.dumps(tool, ensure_ascii=False) for tool in tools)
        if self._wording is None:
            raise UntoldError
        return self._wording.before.replace("{}", system or "") + described + self._wording.after

    def calls(self, calls: Sequence[Call]) -> str:
        """The assistant's message that makes these calls: a block for each."""
        texts = (json.dumps(call._asdict(), ensure_ascii=False) for call in calls)
        return "\n".join(f"<tool_call>\n{text}\n</tool_call>" for text in texts)

    def answers(
        self, before: str, answers: Sequence[str], template: ChatTemplate, *, alone: bool
    ) -> Answered:
        """Answers that follow an assistant's message: a question with a block for each.

        After a call in ReAct's form, as ReAct.

        Args:
            before: The message; its last part, if it was made of several.
            answers: Texts of the tools.
            template: Of the chat.
            alone: Whether the message is one by itself.

        Raises:
            AgentError: If the chat's template has no way to write them.
        """
        if alone and _REACT.call_in(before):
            return React(_REACT, None).answers(before, answers, template, alone=alone)
        if template.separator is None:
            raise AgentError("the template without a chat has no place for a tool's answer")
        return Answered(before, template.separator + _blocks(answers).join(template.prompt))

    def standalone(self, answers: Sequence[str], template: ChatTemplate) -> str:
        """What answers that follow a question add to it: another with a block for each."""
        return f"{template.separator or ''}{template.prompt[0]}{_blocks(answers)}"


def _blocks(answers: Sequence[str]) -> str:
    return "\n".join(f"<tool_response>\n{answer}\n</tool_response>" for answer in answers)


class KeyWords(NamedTuple):
    """What tells ReAct and its relatives apart.

    Attributes:
        name, arguments, answer: What stands before a tool's name, its arguments and its answer.
        takes_standalone: Whether answers may follow a question.
    """

    name: str
    arguments: str
    answer: str
    takes_standalone: bool

    def call_in(self, text: str) -> bool:
        """Whether a message calls a tool in these words."""
        return self.name in text and self.arguments in text


_REACT: Final = KeyWords("Action:", "Action Input:", "Observation:", takes_standalone=True)
_QWEN: Final = KeyWords("✿FUNCTION✿:", "✿ARGS✿:", "✿RESULT✿:", takes_standalone=False)
_FIELD = re.compile(r"\{(form|name|human|description|parameters)\}")


class React:
    """An agent template whose calls are lines with key words (swift/agent_template/base.py).

    Args:
        words: Its key words.
        wording: Of the system prompt; None if it is not known.
    """

    def __init__(self, words: KeyWords, wording: Wording | None) -> None:
        self._words = words
        self._wording = wording

    def system(self, tools: Sequence[dict[str, Any]], system: str | None) -> str:
        """The system prompt that names the tools, described in words; as `Hermes.system`.

        Raises:
            AgentError: If a tool can't be described.
            UntoldError: If the words of the prompt are not known.
        """
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
        if not self._words.call_in(before):
            return Answered(before, "".join(answers))
        word = self._words.answer
        if not before.endswith(word):
            before += word if before.endswith("\n") else f"\n{word}"
        texts = (one if one.endswith("\n") else f"{one}\n" for one in answers)
        return Answered(before, word.join(texts))

    def standalone(self, answers: Sequence[str], template: ChatTemplate) -> str:  # noqa: ARG002
        """What answers that follow a question add to it: each on lines of its own.

        Raises:
            AgentError: If the agent template has no way to write them.
        """
        if not self._words.takes_standalone:
            raise AgentError("the agent template has no form for a tool's answer to a question")
        return "".join(f"\n{self._words.answer}\n{answer}" for answer in answers)


AgentTemplate: TypeAlias = "Hermes | React"
"""One entry of ms-swift's agent templates (swift/agent_template)."""


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


_FOLDERS: Final = ("agent_template", "plugin/agent_template")
_CLASSES: Final = {
    "hermes": ("hermes.py", "HermesAgentTemplate"),
    "react_en": ("react.py", "ReactEnAgentTemplate"),
    "react_zh": ("react.py", "ReactZnAgentTemplate"),
    "qwen_en": ("qwen.py", "QwenEnAgentTemplate"),
    "qwen_zh": ("qwen.py", "QwenZhAgentTemplate"),
    "qwen_en_parallel": ("qwen.py", "QwenEnParallelAgentTemplate"),
    "qwen_zh_parallel": ("qwen.py", "QwenZhParallelAgentTemplate"),
}
_TOOLS: Final = "\0"
_FIELDS: Final = {
    "system": "{}",
    "','.join(tool_names)": "{}",
    "'\\n'.join(tool_descs)": _TOOLS,
    "'\\n\\n'.join(tool_descs)": _TOOLS,
    "tool_desc.name_for_model": "{name}",
    "tool_desc.name_for_human": "{human}",
    "tool_desc.description_for_model": "{description}",
    "tool_desc.parameters": "{parameters}",
    "tool_desc.args_format": "{form}",
}


class Wording(Struct, frozen=True):
    """What stands around tools.

    Attributes:
        before: Text before them; {} is the row's own prompt, dropped where it is absent.
        tool: A tool: {name}, {human}, {description}, {parameters}, {form}; empty where tools
            stand as they are.
        after: Text after them; {} are their names.
        form: How arguments are written; empty where that is not said.
    """

    before: str
    tool: str
    after: str
    form: str


class _OtherwiseError(Exception):
    """The source is not what this module can read."""


def _wording(name: str, swift_dir: str | None) -> Wording | None:
    """The words of an agent template; None if they can't be told.

    Args:
        name: As `--agent_template` takes it.
        swift_dir: Folder of the package `swift`; None if it is not installed.
    """
    if swift_dir is None:
        return None
    file, title = _CLASSES[name]
    for folder in _FOLDERS:
        source = Path(swift_dir, folder)
        try:
            classes = _classes(source / file)
            base = _classes(source / "base.py")["BaseAgentTemplate"]
            return _read(classes, title, base, "zh" if "_zh" in name else "en")
        except (OSError, SyntaxError, ValueError, KeyError, _OtherwiseError):
            continue
    return None


def _classes(file: Path) -> dict[str, ast.ClassDef]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}


def _read(
    classes: dict[str, ast.ClassDef], title: str, base: ast.ClassDef, language: str
) -> Wording:
    written = _function(classes[title], "_format_tools")
    if written is None:
        raise _OtherwiseError
    (returned,) = (one.value for one in ast.walk(written) if isinstance(one, ast.Return))
    before, tools, after = _text(returned).partition(_TOOLS)
    if not tools:
        raise _OtherwiseError
    lines = [_text(one) for one in _appended(classes, title)]
    tool = lines[0] if lines else ""
    return Wording(before, tool, after, _form(base, language) if "{form}" in tool else "")


def _appended(classes: dict[str, ast.ClassDef], title: str) -> Iterator[ast.expr]:
    """What is added to `tool_descs`, by the class or by one that it extends."""
    node: ast.ClassDef | None = classes[title]
    while node is not None:
        for name in ("_format_tools", "_get_tool_names_descs"):
            for call in ast.walk(_function(node, name) or ast.Pass()):
                if isinstance(call, ast.Call) and ast.unparse(call.func) == "tool_descs.append":
                    yield call.args[0]
        node = next((classes[ast.unparse(one)] for one in node.bases if _is_in(one, classes)), None)


def _is_in(node: ast.expr, classes: dict[str, ast.ClassDef]) -> bool:
    return ast.unparse(node) in classes


def _form(base: ast.ClassDef, language: str) -> str:
    """The sentence on arguments: `args_format = … if lang == 'zh' else …`."""
    for node in ast.walk(_function(base, "_parse_tool") or ast.Pass()):
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "args_format":
            choice = node.value
            if isinstance(choice, ast.IfExp) and ast.unparse(choice.test) == "lang == 'zh'":
                return _text(choice.body if language == "zh" else choice.orelse)
    raise _OtherwiseError


def _function(node: ast.ClassDef, name: str) -> ast.FunctionDef | None:
    functions = (one for one in node.body if isinstance(one, ast.FunctionDef))
    return next((one for one in functions if one.name == name), None)


def _text(node: ast.expr | None) -> str:
    """A sum of texts, with fields in place of what is put in."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(map(_text, node.values))
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _text(node.left) + _text(node.right)
    put_in = node.value if isinstance(node, ast.FormattedValue) else node
    field = _FIELDS.get(ast.unparse(put_in)) if put_in is not None else None
    if field is None:
        raise _OtherwiseError
    return field
