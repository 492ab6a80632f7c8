"""vlft reports for each golden case what expected/ has, and each rule's text is in wording/."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import golden_cases
import pytest
from examples import EXAMPLES
from expectations import rewrite_cases, rewrite_wording
from golden_cases import (
    EXPECTED,
    WORDING,
    Caches,
    Case,
    as_lines,
    as_wording,
    case_of,
    prepare_folder,
    read_cases,
    read_wording,
    report,
    subject_of,
    subjects,
    write_cases,
    write_wording,
)

from vlft.config.reader import READER_RULES
from vlft.rules import all_rules

RULES = all_rules()

CASES = {subject: read_cases(subject) for subject in subjects()}
WORDINGS = {rule: text for subject in subjects() for rule, text in read_wording(subject).items()}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from support.folders import make_model_folder

    folder = tmp_path_factory.mktemp("expected").resolve()
    prepare_folder(folder, make_model_folder)
    return folder


@pytest.fixture
def folder(made: Path, monkeypatch: Any) -> Path:
    """The folder that the cases refer to, as the working directory."""
    monkeypatch.chdir(made)
    return made


@pytest.fixture(scope="module")
def caches() -> Caches:
    return {}


@pytest.mark.parametrize(
    "case", [pytest.param(case, id=case.id) for cases in CASES.values() for case in cases]
)
def test_a_case_has_its_findings(case: Case, folder: Path, caches: Caches) -> None:
    """To rewrite: `python tests/rules/expectations.py SUBJECT`."""
    assert as_lines(report(case, folder, caches)) == case.findings


@pytest.mark.parametrize("rule", sorted(EXAMPLES))
def test_a_rule_has_its_wording(rule: str, folder: Path, caches: Caches) -> None:
    """To rewrite: `python tests/rules/expectations.py --wording RULE`."""
    assert as_wording(rule, report(case_of(rule), folder, caches), folder) == WORDINGS[rule]


@pytest.mark.parametrize("rule", sorted(EXAMPLES))
def test_the_example_of_a_rule_is_a_case_that_reports_it(rule: str) -> None:
    example = case_of(rule)
    (findings,) = {c.findings for c in CASES[example.subject] if c.command == example.command}
    assert {line.split()[0] for line in findings if f" {rule} " in line} == {RULES[rule].severity}


def test_cases_and_wordings_name_existing_rules_and_no_others() -> None:
    named = frozenset().union(*(case.rules for cases in CASES.values() for case in cases))
    assert named - READER_RULES.keys() == set(RULES)
    assert WORDINGS.keys() == set(RULES)


def test_the_files_are_written_as_they_are_read(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(golden_cases, "EXPECTED", tmp_path)
    monkeypatch.setattr(golden_cases, "WORDING", tmp_path)
    for subject, cases in CASES.items():
        write_cases(subject, cases)
        written = (tmp_path / f"{subject}.txt").read_text()
        assert written == (EXPECTED / f"{subject}.txt").read_text()
        texts = {rule: text for rule, text in WORDINGS.items() if subject_of(rule) == subject}
        if texts:
            write_wording(subject, texts.values())
            written = (tmp_path / f"{subject}.txt").read_text()
            assert written == (WORDING / f"{subject}.txt").read_text()


@pytest.fixture
def outdated(tmp_path: Path, monkeypatch: Any) -> Path:
    """Two subjects with a case each whose findings have changed, and one with a new case."""
    for name in ("EXPECTED", "WORDING"):
        (tmp_path / name).mkdir()
        monkeypatch.setattr(golden_cases, name, tmp_path / name)
    monkeypatch.setattr("expectations.EXAMPLES", {})
    case = "$ train.eval_steps=5\nwarning evaluation.gone train.eval_steps\n"
    for subject in ("evaluation", "schedule"):
        (tmp_path / "EXPECTED" / f"{subject}.txt").write_text(case)
    (tmp_path / "EXPECTED" / "train.txt").write_text(f"# Why.\n$ launch.gpus=17\n\n{case}")
    return tmp_path / "EXPECTED"


@pytest.mark.parametrize(
    ("names", "rewritten"),
    [
        ([], set()),
        (["schedule"], {"schedule"}),
        (["evaluation", "train"], {"evaluation", "train"}),
        (["evaluation.gone"], {"evaluation", "schedule", "train"}),
        (["evaluation.no-data"], {"evaluation", "schedule", "train"}),
        (["evaluation.best-model"], set()),
        (["*"], {"evaluation", "schedule", "train"}),
    ],
)
def test_only_the_cases_that_were_asked_for_are_rewritten(
    outdated: Path, folder: Path, names: list[str], rewritten: set[str]
) -> None:
    changed = rewrite_cases(names, folder)
    new = "train: launch.gpus=17"
    assert {id_.partition(":")[0] for id_ in changed if id_ != new} == rewritten
    assert new in changed
    assert (outdated / "train.txt").read_text().startswith("# Why.\n$ launch.gpus=17\nfine\n\n")


def test_only_the_wordings_that_were_asked_for_are_rewritten(
    tmp_path: Path, folder: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr(golden_cases, "WORDING", tmp_path)
    rules = [rule for rule in EXAMPLES if subject_of(rule) == "batch"]
    monkeypatch.setattr("expectations.EXAMPLES", {rule: EXAMPLES[rule] for rule in rules})
    outdated = {rule: f"{rule} at 1:1\n    old" for rule in rules[1:]}
    write_wording("batch", outdated.values())
    assert rewrite_wording([], folder) == rules[:1]
    assert read_wording("batch") == {rules[0]: WORDINGS[rules[0]], **outdated}
    assert rewrite_wording(rules[1:2], folder) == rules[1:2]
    assert rewrite_wording(["batch"], folder) == rules[2:]
    assert read_wording("batch") == {rule: WORDINGS[rule] for rule in rules}
