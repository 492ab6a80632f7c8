"""Rows with tools under models whose template has no agent template, and under others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from checking_rows import talk, write

from vlft.dataset.check import check_files
from vlft.dataset.settings import CheckSettings
from vlft.families import family_of

TOOLS = [{"type": "function", "function": {"name": "f", "description": "d", "parameters": {}}}]


def rules(tmp_path: Path, family: str, *rows: Any, **options: Any) -> list[tuple[str, int | None]]:
    file = write(tmp_path / "rows.jsonl", *rows)
    settings = CheckSettings(cwd=tmp_path, family=family_of(family), **options)
    with check_files([str(file)], settings) as report:
        return [(found.rule, found.row) for found in report.findings]


def test_internvl_takes_tools_with_a_named_agent_template_only(tmp_path: Path) -> None:
    call = {"role": "tool_call", "content": '{"name": "f", "arguments": {}}'}
    calls = {"messages": [{"role": "user", "content": "q"}, call]}
    rows = [talk(tools=TOOLS), talk("q", tools=None), {**calls, "tools": None}]
    assert rules(tmp_path, "internvl", *rows) == [("row.tools", 1), ("row.tools", 3)]
    named = {"agent_template": "hermes"}
    assert rules(tmp_path, "internvl", *rows, swift=named) == []
    assert rules(tmp_path, "qwen2_vl", *rows) == []


def test_react_wants_names_and_descriptions(tmp_path: Path) -> None:
    rows = [talk(tools=TOOLS), talk("q", tools=[{"name": "g"}])]
    assert rules(tmp_path, "qwen2_vl", *rows, swift={"agent_template": "react_en"}) == [
        ("row.tools", 2)
    ]
    assert rules(tmp_path, "qwen2_vl", *rows) == []
