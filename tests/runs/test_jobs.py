"""Runs that are jobs, where there is no Slurm to ask; tests/slurm asks a real one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vlft.engines.slurm.cluster import begins_again, cancel, read_job, state_of, write_job
from vlft.engines.stop import conclude_attempt
from vlft.errors import VlftError
from vlft.files import write_json
from vlft.runs.record import read_run

FAILED = """\
0: step 1
1: Traceback (most recent call last):
1:   File "a.py", line 1, in <module>
1:     load()
1: ValueError: there are no rows
slurmstepd: error: *** STEP 1.0 ON n1 CANCELLED AT 2026-01-31T12:00:00 ***
srun: error: n2: task 1: Exited with exit code 1
"""


@pytest.fixture(autouse=True)
def _no_slurm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")


def test_a_job_is_read_again(tmp_path: Path) -> None:
    for number in ("123", "123_4"):
        write_job(tmp_path, number)
        assert read_job(tmp_path) == number


@pytest.mark.parametrize("number", [None, 123, "", "--all", "1 2", "1;id", "\uff11"])
def test_what_is_no_job_is_asked_for_nowhere(tmp_path: Path, number: object) -> None:
    write_json(tmp_path / "job.json", {"job": number})
    assert read_job(tmp_path) is None


def test_where_slurm_cant_be_asked_a_job_is_taken_for_running(tmp_path: Path) -> None:
    write_json(tmp_path / "run.json", {})
    write_job(tmp_path, "1")
    assert state_of("1") == "running"
    run = read_run(tmp_path)
    assert run is not None
    assert run.status == "running"
    with pytest.raises(VlftError, match="scancel is not on PATH"):
        cancel("1")


@pytest.mark.parametrize(
    ("code", "stopped_by", "status", "error"),
    [
        (0, None, "finished", None),
        (1, None, "failed", "ValueError: there are no rows"),
        (143, "SIGTERM", "stopped", None),
        (0, "SIGTERM", "stopped", None),
    ],
)
def test_a_job_says_how_it_ended(
    tmp_path: Path, code: int, stopped_by: str | None, status: str, error: str | None
) -> None:
    write_json(tmp_path / "run.json", {})
    write_job(tmp_path, "1")
    (tmp_path / "slurm-1.out").write_text(FAILED)
    conclude_attempt(tmp_path, code, stopped_by)
    run = read_run(tmp_path)
    assert run is not None
    assert (run.status, run.outcome["error"]) == (status, error)


def test_the_first_outcome_is_the_true_one(tmp_path: Path) -> None:
    write_job(tmp_path, "1")
    conclude_attempt(tmp_path, 0, None)
    conclude_attempt(tmp_path, 1, None)
    assert json.loads((tmp_path / "outcome.json").read_text())["status"] == "finished"


def test_the_last_whole_checkpoint_is_printed_and_others_moved(vlft: Any, tmp_path: Path) -> None:
    run = tmp_path / "run"
    for step in (2, 4, 6):
        folder = run / "checkpoints" / f"checkpoint-{step}"
        folder.mkdir(parents=True)
        if step != 6:  # it was cut short
            (folder / "trainer_state.json").write_text("{}")
    write_json(run / "run.json", {})
    whole = run / "checkpoints" / "checkpoint-4"
    assert vlft("runs", "checkpoint", str(run)).out == f"{whole}\n"
    assert (run / "checkpoints" / "checkpoint-6").exists()
    assert vlft("runs", "checkpoint", "--set-aside", str(run)).out == f"{whole}\n"
    assert not (run / "checkpoints" / "checkpoint-6").exists()
    assert (run / "incomplete" / "checkpoint-6.0").exists()


def test_no_whole_checkpoint_is_exit_code_1(vlft: Any, tmp_path: Path) -> None:
    write_json(tmp_path / "run.json", {})
    done = vlft("runs", "checkpoint", str(tmp_path))
    assert (done.code, done.out) == (1, "")


def test_nobody_says_that_a_job_begins_again_where_slurm_is_not() -> None:
    assert not begins_again({"SLURM_JOB_ID": "1"})
