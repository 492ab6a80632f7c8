"""What differs by family is in models/: no other module spells a family's name."""

from __future__ import annotations

import ast
from pathlib import Path

import vlft
from vlft.models import FAMILIES, REMOTE_CODE

PACKAGE = Path(vlft.__file__).parent
# Programs of the trainer's interpreter import nothing of vlft.
ELSEWHERE = (PACKAGE / "models", PACKAGE / "trainer_side")

NAMES = {
    *(name for family in FAMILIES for name in (family.hf_model_type, family.swift_model_type)),
    *(template.name for family in FAMILIES for template in family.templates),
    *(code.swift_model_type for code in REMOTE_CODE),
    "QWenLMHeadModel",
    "InternVLChatModel",
}
# Parts of names, as in `"qwen" in model_type`.
STEMS = {"qwen", "internvl"}


def _docstrings(tree: ast.Module) -> set[int]:
    """Lines of bare strings: they say something and compare nothing."""
    return {
        node.value.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }


def spelled(file: Path) -> list[str]:
    """Names of families among the strings of a module."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    skipped = _docstrings(tree)
    return [
        f"{file.relative_to(PACKAGE)}:{node.lineno}: {node.value}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and node.lineno not in skipped
        and (node.value in NAMES or node.value.lower() in STEMS)
    ]


def test_names_of_families_are_spelled_in_models_alone() -> None:
    files = [
        file
        for file in sorted(PACKAGE.rglob("*.py"))
        if not any(folder in file.parents for folder in ELSEWHERE)
    ]
    assert [found for file in files for found in spelled(file)] == []


def test_the_search_finds_a_name(tmp_path: Path) -> None:
    file = PACKAGE / "models" / "qwen_vl.py"
    assert any(found.endswith(": qwen2_vl") for found in spelled(file))
