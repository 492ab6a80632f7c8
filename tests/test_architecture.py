"""What the layout of the package promises: one place for each derived value."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "vlft"
MODULES = sorted(PACKAGE.rglob("*.py"))
RESOLVING = ("config", "resolve", "models", "trainer_side")
"""Folders whose modules may derive values from the config."""
SECTIONS = {"pixels", "deepspeed", "swift"}
OUTSIDE = [path for path in MODULES if path.relative_to(PACKAGE).parts[0] not in RESOLVING]


def name(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


@pytest.mark.parametrize("path", OUTSIDE, ids=name)
def test_pixel_limits_are_resolved_in_one_place(path: Path) -> None:
    assert "MAX_PIXELS" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", OUTSIDE, ids=name)
def test_derived_sections_are_read_from_the_run(path: Path) -> None:
    """`config.pixels`, `config.deepspeed` and `config.swift` are read by resolve/ alone."""
    read = [
        ast.unparse(node)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
        and node.attr in SECTIONS
        and ast.unparse(node.value).split(".")[-1] == "config"
    ]
    assert read == []


@pytest.mark.parametrize("path", [p for p in MODULES if "trainer_side" not in p.parts], ids=name)
def test_the_trainers_packages_are_never_imported(path: Path) -> None:
    imported = {
        alias.name.partition(".")[0]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in (
            [ast.alias(node.module or "")] if isinstance(node, ast.ImportFrom) else node.names
        )
    }
    assert not imported & {"torch", "transformers", "swift", "peft", "datasets", "accelerate"}


OTHERS = [
    path
    for folder in ("benches", "docs", "scripts", "tools")
    for path in sorted((PACKAGE.parent / folder).rglob("*.py"))
]


@pytest.mark.parametrize("path", OTHERS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_what_tools_import_of_the_package_is_there(path: Path) -> None:
    """Also within a text that another process runs; no type checker looks there."""
    lines = re.findall(
        r"^ *(?:from (vlft[\w.]*) import ([\w, ]+)|import (vlft[\w.]*))",
        path.read_text(),
        re.MULTILINE,
    )
    for source, names, module in lines:
        found = importlib.import_module(source or module)
        for one in filter(None, map(str.strip, names.split(","))):
            assert hasattr(found, one) or importlib.util.find_spec(f"{source}.{one}"), one
