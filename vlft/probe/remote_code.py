"""The Python files of a checkpoint: read as text, never run."""

from __future__ import annotations

import ast
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

# A tokenizer and a processor are named by files of their own, which also carry an auto_map.
_PREFIXES = ("tokenization_", "processing_", "image_processing_", "video_processing_")


@dataclass(frozen=True, slots=True)
class OwnCode:
    """What the code that transformers would import says.

    Attributes:
        imports: Modules that have to be installed, by their first name. What is imported inside
            `try:` is not asked for (transformers/dynamic_module_utils.py: get_imports).
        bare_config: Whether its config, made without arguments, lacks what it asks its parts
            for: an empty mapping stands in for the language model's.
    """

    imports: frozenset[str]
    bare_config: bool


def read_own_code(folder: Path, names: Iterable[str], config: Mapping[str, Any]) -> OwnCode:
    """Reads the files that `auto_map` leads to, and those that they import.

    Args:
        folder: The checkpoint.
        names: Of the Python files in it.
        config: config.json.
    """
    there = {name.removesuffix(".py") for name in names}
    waiting = [*_mapped(config), *(name for name in sorted(there) if name.startswith(_PREFIXES))]
    seen: set[str] = set()
    imports: set[str] = set()
    bare = False
    while waiting:
        name = waiting.pop()
        if name in seen or name not in there:
            continue
        seen.add(name)
        for node in _statements(_parse(folder / f"{name}.py")):
            if isinstance(node, ast.Import):
                imports |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level:
                waiting += [node.module] if node.module else [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                imports.add(node.module.partition(".")[0])
            elif isinstance(node, ast.Assign):
                bare = bare or _is_bare(node)
    return OwnCode(frozenset(imports - sys.stdlib_module_names), bare)


def is_installed(module: str, site_packages: Iterable[str]) -> bool:
    """Whether a module can be imported from one of the folders."""
    return any(
        Path(folder, module).is_dir()
        or Path(folder, f"{module}.py").is_file()
        or any(Path(folder).glob(f"{module}.*.so"))
        for folder in site_packages
    )


def _mapped(value: Any) -> Iterator[str]:
    """Modules that an `auto_map` names, in the configs of parts as well."""
    if not isinstance(value, dict):
        return
    for key, item in value.items():
        if key == "auto_map" and isinstance(item, dict):
            for target in item.values():
                for one in target if isinstance(target, list) else [target]:
                    # `repository--module.Class` where the code lies elsewhere
                    yield str(one).rpartition("--")[2].partition(".")[0]
        else:
            yield from _mapped(item)


def _parse(file: Path) -> ast.Module:
    try:
        return ast.parse(file.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError):
        return ast.Module([], [])


def _statements(tree: ast.AST) -> Iterator[ast.AST]:
    """Everything outside of `try:` and of questions for flash attention."""
    for node in ast.iter_child_nodes(tree):
        asked = isinstance(node, ast.If) and "flash_attn" in ast.dump(node.test)
        if not isinstance(node, ast.Try) and not asked:
            yield node
            yield from _statements(node)


def _is_bare(node: ast.Assign) -> bool:
    """`llm_config = {}`."""
    names = {target.id for target in node.targets if isinstance(target, ast.Name)}
    return "llm_config" in names and isinstance(node.value, ast.Dict) and not node.value.keys
