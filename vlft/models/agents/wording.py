"""The words around tools in a system prompt, read from the installed ms-swift.

They are the trainer's, and differ from release to release. Its source is parsed, never run: each
agent template has a `_format_tools` that returns a sum of strings, f-strings and joined lists
(swift/agent_template of 4.x; swift/plugin/agent_template of 3.12).
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

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


@dataclass(frozen=True)
class Wording:
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


@lru_cache
def wording(name: str, swift_dir: str | None) -> Wording | None:
    """The words of an agent template; None if they can't be told.

    Args:
        name: As `--agent_template` takes it.
        swift_dir: Folder of the package `swift`; None if it is not installed.
    """
    if swift_dir is None or name not in _CLASSES:
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
