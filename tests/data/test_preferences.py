"""Rows of `task: rlhf`; tests/real_swift holds those for dpo against the real ms-swift."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.data_rows import rules_in, talk, write

QUESTION = {"messages": [{"role": "user", "content": "q"}]}


def method(name: str) -> dict[str, Any]:
    return {"task": "rlhf", "swift": {"rlhf_type": name}}


@pytest.mark.parametrize("name", ["dpo", "rm", "cpo", "simpo", "orpo"])
def test_a_worse_answer_is_asked_for(name: str, tmp_path: Path) -> None:
    file = write(tmp_path / "rows.jsonl", talk("a"), talk("b"))
    assert rules_in(file, **method(name)) == [("row.no-rejected", 1), ("row.no-rejected", 2)]
    assert rules_in(file) == []


def test_dpo_is_the_method_where_none_is_named(tmp_path: Path) -> None:
    file = write(tmp_path / "rows.jsonl", talk("a"))
    assert rules_in(file, task="rlhf") == [("row.no-rejected", 1)]


def test_kto_asks_for_labels_and_answers(tmp_path: Path) -> None:
    rows = [talk("a", label=True), talk("b", label=None), {**QUESTION, "label": False}]
    file = write(tmp_path / "rows.jsonl", *rows)
    found = rules_in(file, **method("kto"))
    assert ("row.kto-label", 2) in found
    assert ("row.kto-answer", 3) in found
    assert [one for one in found if one[1] == 1] == []


def test_grpo_takes_questions_alone(tmp_path: Path) -> None:
    file = write(tmp_path / "rows.jsonl", {**QUESTION, "solution": "4"})
    assert rules_in(file, **method("grpo")) == []
    assert rules_in(file) == [("row.no-answer", 1)]
