"""docs/faults.md names tests that exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
NAMED = re.findall(r"`(tests/[\w/.]+)::(\w+)`", (ROOT / "docs" / "faults.md").read_text())


def test_each_line_of_a_table_names_a_test() -> None:
    rows = [
        line
        for line in (ROOT / "docs" / "faults.md").read_text().splitlines()
        if line.startswith("|") and not re.match(r"\|(---|.* test \|$)", line)
    ]
    assert len(rows) > 20
    assert [row for row in rows if "::" not in row] == []


def test_the_tests_exist() -> None:
    assert NAMED
    for file, name in set(NAMED):
        tree = ast.parse((ROOT / file).read_text())
        functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        assert name in functions, (file, name)
