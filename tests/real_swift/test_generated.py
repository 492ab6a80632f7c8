"""Generated configs: what vlft lets through ms-swift takes, what it refuses ms-swift refuses.

`VLFT_CONFIGS=3000 VLFT_SEED=5` asks about other configs than those of every day.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from examples.folder import ROW, lay_out
from support.ms_swift.generated_configs import (
    Case,
    alone,
    first_line,
    generated,
    smallest,
    with_arguments,
)
from support.ms_swift.judging import Judge
from support.ms_swift.rule_effects import KNOWN_GAPS, TOO_STRICT

from vlft.swift.release import Subcommand

COUNT = int(os.environ.get("VLFT_CONFIGS", "300"))
SEED = int(os.environ.get("VLFT_SEED", "0"))
TOGETHER = 12
"""Arguments that are judged in one command where both sides are expected to take them."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: Any, make_model: Any, write_config: Any) -> Path:
    monkeypatch.chdir(tmp_path)
    lay_out(tmp_path, make_model)
    write_config()
    (tmp_path / "train.jsonl").write_text((json.dumps(ROW) + "\n") * 1000)
    return tmp_path


def test_the_same_configs_are_generated_each_time() -> None:
    assert generated(20, 1) == generated(20, 1) != generated(20, 2)


def test_generated_configs(folder: Path, judge: Judge) -> None:
    gaps: dict[str, Any] = {}
    strict: dict[str, Any] = {}
    taken = 0
    for data in generated(COUNT, SEED):
        case = Case(data, folder)
        verdict = case.judged(judge)
        if verdict is None:
            continue
        taken += not case.errors
        error = first_line(verdict.error or "")
        if not case.errors and not verdict.ok and not _is_known(error) and error not in gaps:
            gaps[error] = smallest(data, folder, judge, verdict.error or "")
        rules = {found.rule for found in case.errors} - set(TOO_STRICT)
        if verdict.ok and rules:
            strict |= dict.fromkeys(rules, data)
    assert taken > COUNT / 10
    assert not gaps, f"ms-swift refuses what vlft lets through:\n{_shown(gaps)}"
    assert not strict, f"ms-swift takes what these rules say it refuses:\n{_shown(strict)}"


@pytest.mark.parametrize("task", ["sft", "pt"])
def test_each_argument_alone(folder: Path, judge: Judge, task: Subcommand) -> None:
    """`pt` has the arguments of `sft`, so that only what both take is asked again."""
    accepted: list[tuple[str, Any]] = []
    strict: dict[str, Any] = {}
    for name, value in alone(task):
        case = Case(with_arguments({name: value}, task), folder)
        if not case.errors:
            accepted.append((name, value))
        elif task == "sft" and not {found.rule for found in case.errors} & set(TOO_STRICT):
            verdict = case.judged(judge)
            if verdict is not None and verdict.ok:
                strict[f"{name}: {value!r}"] = [found.rule for found in case.errors]
    gaps: dict[str, Any] = {}
    for batch in _batches(accepted):
        gaps |= _refused(batch, folder, judge, task)
    assert not gaps, f"ms-swift refuses what vlft lets through:\n{_shown(gaps)}"
    assert not strict, f"ms-swift takes what these rules say it refuses:\n{_shown(strict)}"


def _batches(pairs: list[tuple[str, Any]]) -> list[dict[str, Any]]:
    """Groups of arguments of different names: first all first values, then the second ones."""
    seen: dict[str, int] = {}
    rounds: dict[int, dict[str, Any]] = {}
    for name, value in pairs:
        seen[name] = seen.get(name, -1) + 1
        rounds.setdefault(seen[name], {})[name] = value
    groups = [list(made.items()) for made in rounds.values()]
    return [
        dict(group[start : start + TOGETHER])
        for group in groups
        for start in range(0, len(group), TOGETHER)
    ]


def _refused(
    arguments: dict[str, Any], folder: Path, judge: Judge, task: Subcommand
) -> dict[str, Any]:
    """What ms-swift says of those that it refuses, by halves; {} where it takes all."""
    case = Case(with_arguments(arguments, task), folder)
    if not case.errors:
        verdict = case.judged(judge)
        assert verdict is not None
        error = verdict.error or ""
        if verdict.ok or _is_known(error):
            return {}
        return {first_line(error): smallest(case.data, folder, judge, error)}
    if len(arguments) == 1:
        return {}
    # vlft takes each alone, and not all of them together: then half of them.
    items = list(arguments.items())
    halves = dict(items[: len(items) // 2]), dict(items[len(items) // 2 :])
    return _refused(halves[0], folder, judge, task) | _refused(halves[1], folder, judge, task)


def _is_known(error: str) -> bool:
    return any(known in error for known in KNOWN_GAPS)


def _shown(found: dict[str, Any]) -> str:
    return "\n".join(f"{key}\n    {json.dumps(value)}" for key, value in found.items())
