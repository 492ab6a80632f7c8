"""Modules outside of an engine's folder ask it, and never compare its name."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import vlft
from vlft.config.schema import Config
from vlft.engines import DEFAULT, engine_names, section_names
from vlft.engines.base import engine_named
from vlft.engines.traits import traits_of

PACKAGE = Path(vlft.__file__).parent
OTHER_MEANINGS = {
    "importer/shell/syntax.py": "bash: local NAME=VALUE",
    "importer/shell/interpreter.py": "bash: local NAME=VALUE",
    "rules/ray.py": "an address of Ray",
    "swift/interpreter.py": "Debian: /usr/local/lib",
}


def modules() -> Iterator[tuple[str, ast.AST]]:
    for file in sorted(PACKAGE.rglob("*.py")):
        name = file.relative_to(PACKAGE).as_posix()
        of_an_engine = name.startswith(tuple(f"engines/{engine}/" for engine in engine_names()))
        if not of_an_engine and name not in OTHER_MEANINGS and "trainer_side" not in name:
            yield name, ast.parse(file.read_text(encoding="utf-8"))


def test_no_module_spells_an_engines_name() -> None:
    spelled = [
        (name, node.lineno)
        for name, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and node.value in engine_names()
    ]
    assert [name for name, _ in spelled] == ["engines/__init__.py"], "DEFAULT alone"


def test_no_module_compares_one() -> None:
    compared = [
        (name, node.lineno)
        for name, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Compare)
        for side in (node.left, *node.comparators)
        if isinstance(side, ast.Attribute) and side.attr == "engine"
        if (name, ast.unparse(node)) != ("rules/base.py", "rule.engine in (None, engine)")
    ]
    assert compared == []


def test_no_module_imports_a_schedulers_code() -> None:
    schedulers = tuple(f"vlft.engines.{name}" for name in engine_names() if name != DEFAULT)
    imported = [
        (name, module)
        for name, tree in modules()
        for node in ast.walk(tree)
        for module in imports_of(node)
        if module.startswith(schedulers)
    ]
    assert imported == []


def imports_of(node: ast.AST) -> list[str]:
    """The modules, or names in them, that a statement imports."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [f"{node.module}.{alias.name}" for alias in node.names]
    return []


@pytest.mark.parametrize("name", engine_names())
def test_an_engine_is_called_what_its_folder_is(name: str) -> None:
    engine = engine_named(name)
    assert engine.name == name
    assert isinstance(engine, type(traits_of(name)))
    assert name not in Config.model_fields
    for key in engine.unread_keys:
        assert key in Config.model_fields["launch"].annotation.model_fields  # type: ignore[union-attr]


def test_all_sections_are_of_engines() -> None:
    assert set(section_names()) < set(engine_names())


LOADED = """
import sys
from vlft.cli import main
try:
    main()
except SystemExit:
    pass
print([name for name in sys.modules if name.startswith("vlft.engines.")])
"""


@pytest.mark.parametrize("engine", engine_names())
def test_validating_a_config_loads_its_engine_alone(
    write_config: Any, tmp_path: Path, engine: str
) -> None:
    config = write_config(f"launch: {{gpus: none, engine: {engine}}}\n")
    done = subprocess.run(
        [sys.executable, "-c", LOADED, "validate", str(config)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    loaded = {name.split(".")[2] for name in ast.literal_eval(done.stdout.splitlines()[-1])}
    assert loaded & set(engine_names()) == {engine}, done
