"""What docs/faults.md says of a run that is told to end, and of one on two processes that can't."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.ms_swift import PLUGINS
from support.ms_swift.trials import Trial, only_run, steps_and_losses
from support.waiting import HANG_S

HOLDING = PLUGINS / "holding.py"
ABORTING = PLUGINS / "aborting.py"
PLUGIN = ("--set", f"swift.external_plugins=[{HOLDING}]")
STEPS = 6


def test_a_termination_with_a_minute_of_grace_leaves_nothing(
    vlft: Any, tiny_config: Any, tmp_path: Path
) -> None:
    config = tiny_config(steps=STEPS, launch="gpus: none, nproc_per_node: 2")
    trial = Trial("train", config, *PLUGIN, cwd=tmp_path, hold="4/optimizer.pt/half")
    trial.wait_until_held()
    trial.rank(1).suspend()  # it can't hear: neither rank ends unless it is killed
    trial.vlft.terminate()
    said = trial.vlft.communicate(timeout=HANG_S)[1]
    assert trial.vlft.returncode == 143, said
    assert trial.processes() == []
    run = only_run(tmp_path)
    assert (run.status, run.outcome["reason"]) == ("stopped", "stopped by SIGTERM")
    assert [path.name for path in run.whole_checkpoints] == ["checkpoint-2"]
    resumed = vlft("runs", "resume", run.id)
    assert resumed.code == 0, resumed.err
    assert "going on from checkpoint-2" in resumed.err
    assert sorted(steps_and_losses(run.folder)) == list(range(1, STEPS + 1))


def test_a_run_is_stopped_after_its_next_save(vlft: Any, tiny_config: Any, tmp_path: Path) -> None:
    trial = Trial("train", tiny_config(steps=5000), *PLUGIN, cwd=tmp_path, hold="5")
    trial.wait_until_held()
    run = only_run(tmp_path)
    assert run.whole_checkpoints[-1].name == "checkpoint-4"
    words = ["runs", "stop", run.id, "--after-save"]
    with subprocess.Popen([sys.executable, "-m", "vlft", *words], cwd=tmp_path) as stop:
        trial.release()
    assert stop.returncode == 0
    assert trial.end()[0] == 143
    stopped = only_run(tmp_path)
    assert stopped.status == "stopped"
    assert int(stopped.whole_checkpoints[-1].name.removeprefix("checkpoint-")) >= 6
    assert vlft("runs", "stop", run.id, "--after-save").code == 1


def test_two_processes_lose_power_and_go_on_to_the_same_losses(
    vlft: Any, tiny_config: Any, tmp_path: Path
) -> None:
    config = tiny_config(steps=STEPS, launch="gpus: none, nproc_per_node: 2")
    trial = Trial("train", config, *PLUGIN, cwd=tmp_path, hold="5")
    trial.wait_until_held()
    trial.cut_power()
    run = only_run(tmp_path)
    assert run.status == "killed"
    resumed = vlft("runs", "resume", run.id)
    assert resumed.code == 0, resumed.err
    assert "going on from checkpoint-4" in resumed.err

    undisturbed = vlft("train", str(config), *PLUGIN, "--run-id", "undisturbed")
    assert undisturbed.code == 0, undisturbed.err
    expected = steps_and_losses(tmp_path / "output" / "undisturbed")
    assert sorted(expected) == list(range(1, STEPS + 1))
    assert steps_and_losses(run.folder) == pytest.approx(expected, rel=1e-5)
    last = f"checkpoint-{STEPS}"
    assert run.whole_checkpoints[-1].name == last


def test_a_process_that_dies_on_its_way_out_costs_nothing(
    vlft: Any, tiny_config: Any, tmp_path: Path
) -> None:
    config = tiny_config(steps=2, launch="gpus: none, nproc_per_node: 2")
    done = vlft("train", str(config), "--set", f"swift.external_plugins=[{ABORTING}]")
    assert done.code == 0, done.err
    assert (
        "the training was over and saved, and then the trainer ended with exit code 1" in done.err
    )
    assert "Signal 6 (SIGABRT)" in done.err
    run = only_run(tmp_path)
    assert (run.status, run.outcome["exit_code"]) == ("finished", 1)
    assert [path.name for path in run.whole_checkpoints] == ["checkpoint-2"]
