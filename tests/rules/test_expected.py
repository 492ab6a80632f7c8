"""What vlft says of each case, word for word and place for place, is what expected/ has."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from examples import EXAMPLES
from expectations import EXPECTED, Caches, case_of, prepare_folder, read_cases, said

from vlft.config.reader import READER_RULES
from vlft.rules import all_rules

RULES = all_rules()

CASES = {file.stem: read_cases(file.stem) for file in sorted(EXPECTED.glob("*.txt"))}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests_support import make_model_folder

    made = tmp_path_factory.mktemp("expected").resolve()
    prepare_folder(made, make_model_folder)
    return made


@pytest.fixture(scope="module")
def caches() -> Caches:
    return {}


@pytest.mark.parametrize("subject", CASES)
def test_vlft_says_what_is_expected(
    subject: str, folder: Path, caches: Caches, monkeypatch: Any
) -> None:
    """Written anew, where it is to change, by `python tests/rules/expectations.py`."""
    monkeypatch.chdir(folder)
    says = {case.command: said(case, folder, caches) for case in CASES[subject]}
    assert says == {case.command: case.says for case in CASES[subject]}


def test_what_an_example_brings_is_expected() -> None:
    for rule, example in EXAMPLES.items():
        case = case_of(rule, example)
        (says,) = {other.says for other in CASES[case.subject] if other.command == case.command}
        assert f" {RULES[rule].severity} {rule} " in says, rule


def test_what_is_expected_is_of_rules_that_there_are() -> None:
    finding = re.compile(r"^\d+:\d+ [a-z]+ (\S+) ", re.MULTILINE)
    says = "\n".join(case.says for cases in CASES.values() for case in cases)
    assert set(finding.findall(says)) - READER_RULES.keys() == set(RULES)
