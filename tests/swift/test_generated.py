"""Generated configs: what vlft lets through ms-swift takes, what it refuses ms-swift refuses."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from config.strategies import configs
from effects import KNOWN_GAPS, TOO_STRICT
from examples.folder import lay_out
from hypothesis import HealthCheck, Phase, given, settings
from judging import Judge, Verdict, request

from vlft.findings import Finding
from vlft.pipeline import prepare
from vlft.rules import RULES

COUNT = 300
ENVIRON = {"PATH": "/usr/bin:/bin"}


def generated(count: int) -> list[dict[str, Any]]:
    """The same configs each time."""
    made: list[dict[str, Any]] = []

    @settings(
        max_examples=count,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(configs())
    def collect(data: dict[str, Any]) -> None:
        made.append(data)

    collect()
    return made


class Case:
    """A config and what both sides say of it."""

    def __init__(self, data: dict[str, Any], folder: Path, judge: Judge) -> None:
        self.data = data
        file = folder / "config.yaml"
        file.write_text(json.dumps(data))
        self.errors: list[Finding] = [
            found for found in prepare(file, environ=ENVIRON).findings if found.severity == "error"
        ]
        rules = [RULES.get(found.rule) for found in self.errors]
        aborts = all(rule is not None and rule.effect == "aborts" for rule in rules)
        asked = request(prepare(file, environ=ENVIRON, judge=False), folder) if aborts else None
        self.verdict: Verdict | None = None if asked is None else judge.ask(asked)

    @property
    def gap(self) -> str | None:
        """What ms-swift says of a config that vlft lets through."""
        if self.errors or self.verdict is None:
            return None
        return self.verdict.error

    @property
    def too_strict(self) -> bool:
        """Whether ms-swift takes what is said to be refused by it."""
        return bool(self.errors) and self.verdict is not None and self.verdict.ok


def smallest(data: dict[str, Any], folder: Path, judge: Judge, error: str) -> dict[str, Any]:
    """The config less every key that ms-swift's words do not depend on."""
    for path in [(name,) for name in data] + [
        (name, key)
        for name, section in data.items()
        if isinstance(section, dict)
        for key in section
    ]:
        less = json.loads(json.dumps(data))
        section = less if len(path) == 1 else less.get(path[0], {})
        if section.pop(path[-1], None) is None:
            continue
        if Case(less, folder, judge).gap == error:
            data = less
    return data


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: Any, make_model: Any, write_config: Any) -> Path:
    monkeypatch.chdir(tmp_path)
    lay_out(tmp_path, make_model)
    row = {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}
    write_config()
    (tmp_path / "train.jsonl").write_text((json.dumps(row) + "\n") * 1000)
    return tmp_path


def test_generated_configs(folder: Path, judge: Judge) -> None:
    cases = [Case(data, folder, judge) for data in generated(COUNT)]
    judged = [case for case in cases if case.verdict is not None]
    assert sum(not case.errors for case in judged) > COUNT / 10
    gaps = {
        _first_line(case.gap): smallest(case.data, folder, judge, case.gap)
        for case in cases
        if case.gap is not None and not any(re.search(known, case.gap) for known in KNOWN_GAPS)
    }
    assert gaps == {}, "ms-swift refuses what vlft lets through: a rule is missing"
    strict = {found.rule: case.data for case in cases if case.too_strict for found in case.errors}
    strict = {rule: data for rule, data in strict.items() if rule not in TOO_STRICT}
    assert strict == {}, "ms-swift takes what a rule says it refuses"


def _first_line(text: str) -> str:
    return text.splitlines()[0][:300]
