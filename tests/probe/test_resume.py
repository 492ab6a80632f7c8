"""What a checkpoint to go on from says about itself."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from vlft.probe.trainer_checkpoint import ResumeFacts, read_resume, unsaved_part


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    path = str(tmp_path / "none")
    assert read_resume(path) == ResumeFacts(path, exists=False)


def test_a_run_folder_names_its_newest_checkpoint(tmp_path: Path) -> None:
    for name in ("checkpoint-9", "checkpoint-10", "checkpoint-10-merged"):
        (tmp_path / name).mkdir()
    found = read_resume(str(tmp_path))
    assert (found.exists, found.has_state, found.newest) == (True, False, "checkpoint-10")


def test_a_checkpoint_of_the_trainer(tmp_path: Path) -> None:
    (tmp_path / "trainer_state.json").write_text(json.dumps({"global_step": 7}))
    (tmp_path / "optimizer.pt").touch()
    (tmp_path / "args.json").write_text(json.dumps({"tuner_type": "full"}))
    found = read_resume(str(tmp_path))
    assert (found.has_state, found.global_step, found.has_optimizer) == (True, 7, True)
    assert (found.is_adapter, found.args) == (False, {"tuner_type": "full"})
    assert (found.deepspeed_dirs, found.zero_world_size) == ((), None)


def test_the_processes_that_zero_divided_the_state_among(tmp_path: Path) -> None:
    for step, ranks in ((9, 8), (10, 4)):
        folder = tmp_path / f"global_step{step}"
        folder.mkdir()
        for rank in range(ranks):
            (folder / f"zero_pp_rank_{rank}_mp_rank_00_model_states.pt").touch()
            (folder / f"bf16_zero_pp_rank_{rank}_mp_rank_00_optim_states.pt").touch()
    (tmp_path / "latest").write_text("global_step10\n")
    assert read_resume(str(tmp_path)).zero_world_size == 4
    (tmp_path / "latest").write_text("global_step9")
    assert read_resume(str(tmp_path)).zero_world_size == 8


def test_broken_files_count_as_absent(tmp_path: Path) -> None:
    (tmp_path / "trainer_state.json").write_text("{")
    (tmp_path / "latest").write_bytes(b"\xff\xfe")
    (tmp_path / "args.json").write_text("[]")
    found = read_resume(str(tmp_path))
    assert (found.exists, found.has_state, found.global_step, found.args) == (
        True,
        False,
        None,
        None,
    )


@pytest.mark.parametrize("name", ["trainer_state.json", "args.json"])
def test_a_pipe_in_a_checkpoint_is_not_waited_for(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    assert not read_resume(str(tmp_path)).has_state
    assert read_resume(str(tmp_path)).args is None


def test_a_broken_state_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "trainer_state.json").write_text('{"global_step": 2,\n')
    assert "trainer_state.json` is not JSON: line 2, column 1" in str(unsaved_part(tmp_path))
