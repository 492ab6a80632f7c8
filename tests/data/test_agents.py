"""Rows with tools under models whose template has no agent template, and under others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.data_rows import talk, write

from vlft.data.check import check_files
from vlft.data.settings import CheckSettings
from vlft.models import family_of
from vlft.models.agents import AgentTemplate, UntoldError, agent_named

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


SOURCE = """
class HermesAgentTemplate(BaseAgentTemplate):
    def _format_tools(self, tools, system=None, user_message=None):
        tool_descs = [json.dumps(tool) for tool in tools]
        return f'''{system} | first ''' + '\\n'.join(tool_descs) + ''' | last'''
"""
SIDE_EFFECT = "RAN = open('ran', 'w')\n"


def agent_in(folder: Path, source: str) -> AgentTemplate:
    (folder / "agent_template").mkdir(parents=True)
    (folder / "agent_template" / "base.py").write_text("class BaseAgentTemplate: pass\n")
    (folder / "agent_template" / "hermes.py").write_text(source)
    agent = agent_named("hermes", str(folder))
    assert agent is not None
    return agent


def test_the_words_are_those_of_the_installed_ms_swift(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    agent = agent_in(tmp_path / "swift", SIDE_EFFECT + SOURCE)
    assert agent.system([{"a": 1}, {}], "mine") == 'mine | first {"a": 1}\n{} | last'
    assert not Path("ran").exists()


@pytest.mark.parametrize(
    "source", ["", "class (", SOURCE.replace("'\\n'.join(tool_descs)", "str(tools)"), "\0"]
)
def test_words_that_can_not_be_read_are_not_told(tmp_path: Path, source: str) -> None:
    with pytest.raises(UntoldError):
        agent_in(tmp_path, source).system([{}], None)


def test_without_ms_swift_tools_are_judged_and_not_counted(tmp_path: Path) -> None:
    rows = [talk(tools=TOOLS), talk("q", tools=[{"name": "g"}])]
    react = {"agent_template": "react_en"}
    assert rules(tmp_path, "qwen2_vl", *rows, swift=react, swift_dir=None) == [("row.tools", 2)]
