"""Each golden case of the rules that can be run is resolved to its run in tests/rules/runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from golden_cases import Caches, Case, prepare_folder, read_cases, subjects
from golden_runs import BASE, describe, difference, read_runs

CASES = {subject: read_cases(subject) for subject in subjects()}
RUNS = {subject: read_runs(subject) for subject in CASES}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from support.folders import make_model_folder

    folder = tmp_path_factory.mktemp("runs").resolve()
    prepare_folder(folder, make_model_folder)
    return folder


@pytest.fixture(scope="module")
def caches() -> Caches:
    return {}


@pytest.fixture(scope="module")
def base(made: Path, caches: Caches) -> tuple[str, ...]:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(made)
        return describe(BASE, made, caches)


@pytest.mark.parametrize(
    "case", [pytest.param(case, id=case.id) for cases in CASES.values() for case in cases]
)
def test_a_case_is_resolved_to_its_run(
    case: Case, made: Path, caches: Caches, base: tuple[str, ...], monkeypatch: Any
) -> None:
    """To rewrite: `python tests/rules/golden_runs.py SUBJECT`, and read the differences."""
    monkeypatch.chdir(made)
    lines = describe(case, made, caches)
    assert (difference(lines, base) if lines else None) == RUNS[case.subject].get(case.command)


def test_the_runs_are_those_of_existing_cases() -> None:
    for subject, runs in RUNS.items():
        assert runs.keys() <= {case.command for case in CASES[subject]}
