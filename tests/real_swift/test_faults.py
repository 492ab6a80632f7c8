"""What docs/faults.md says: a process is killed in the middle, and the run is gone on with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from support.ms_swift import PLUGINS
from support.ms_swift.trials import Trial, only_run, steps_and_losses

HOLDING = PLUGINS / "holding.py"
PLUGIN = f"swift.external_plugins=[{HOLDING}]"
STEPS = 4

VICTIMS: dict[str, tuple[Callable[[Trial], psutil.Process], int, str, str]] = {
    "vlft": (
        lambda trial: psutil.Process(trial.vlft.pid),
        -9,
        "killed",
        "vlft was killed, so the trainer was ended",
    ),
    "torchrun": (Trial.torchrun, 3, "failed", "the trainer was ended by SIGKILL"),
    "rank 0": (lambda trial: trial.rank(0), 3, "failed", "the trainer ended with exit code 1"),
    "rank 1": (lambda trial: trial.rank(1), 3, "failed", "the trainer ended with exit code 1"),
}


@pytest.mark.parametrize("victim", VICTIMS)
def test_a_process_is_killed(victim: str, vlft: Any, tiny_config: Any, tmp_path: Path) -> None:
    find, code, status, reason = VICTIMS[victim]
    config = tiny_config(steps=STEPS, launch="gpus: none, nproc_per_node: 2")
    trial = Trial("train", config, "--set", PLUGIN, cwd=tmp_path, hold="3")
    trial.wait_until_held()
    assert len(trial.processes()) >= 5, "vlft, its supervisor, torchrun and two ranks"
    find(trial).kill()
    ended, said = trial.end()
    run = only_run(tmp_path)
    assert (ended, run.status) == (code, status), said
    assert str(run.outcome["reason"]).startswith(reason)
    assert "Traceback" not in said
    if victim.startswith("rank"):  # the one that died, not one that lost its connection
        assert f"{victim} (local_rank: {victim[-1]}): Signal 9 (SIGKILL)" in said
    assert [path.name for path in run.whole_checkpoints] == ["checkpoint-2"]

    resumed = vlft("runs", "resume", run.id)
    assert resumed.code == 0, resumed.err
    assert "going on from checkpoint-2" in resumed.err
    assert only_run(tmp_path).status == "finished"
    assert sorted(steps_and_losses(run.folder)) == [1, 2, 3, 4]
