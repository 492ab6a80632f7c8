"""Each golden case of the rules that can be run is resolved to its run in tests/rules/runs."""

from __future__ import annotations

import pytest
from golden_cases import Case, prepare_folder, read_cases, subjects
from golden_runs import Resolver, read_runs

CASES = {subject: read_cases(subject) for subject in subjects()}
RUNS = {subject: read_runs(subject) for subject in CASES}


@pytest.fixture(scope="module")
def resolver(tmp_path_factory: pytest.TempPathFactory) -> Resolver:
    from support.folders import make_model_folder

    folder = tmp_path_factory.mktemp("runs").resolve()
    prepare_folder(folder, make_model_folder)
    return Resolver(folder)


@pytest.mark.parametrize(
    "case", [pytest.param(case, id=case.id) for cases in CASES.values() for case in cases]
)
def test_a_case_is_resolved_to_its_run(
    case: Case, resolver: Resolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To rewrite: `python tests/rules/golden_runs.py SUBJECT`, and read the differences."""
    monkeypatch.chdir(resolver.folder)
    assert resolver.run_of(case) == RUNS[case.subject].get(case.command, ())


def test_the_runs_are_those_of_existing_cases() -> None:
    for subject, runs in RUNS.items():
        assert runs.keys() <= {case.command for case in CASES[subject]}
