"""A run that lost its power goes on in its own folder, to the same weights."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import psutil
from support.ms_swift.trials import marked
from support.waiting import HANG_S, wait_for

from vlft.runs.record import read_run

STEPS = 16


def start_and_cut_power(config: Path, cwd: Path, checkpoint: int) -> Path:
    """The folder of a run all of whose processes were killed at once after that checkpoint."""
    mark = uuid.uuid4().hex
    vlft = subprocess.Popen(
        [sys.executable, "-m", "vlft", "train", str(config)],
        cwd=cwd,
        env=os.environ | {"VLFT_TEST_MARK": mark},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    states = f"output/*/checkpoints/checkpoint-{checkpoint}/trainer_state.json"
    (state,) = wait_for(lambda: list(cwd.glob(states)), "a checkpoint")
    processes = marked(mark)
    for process in processes:  # stopped first, so that none sees another one die
        process.suspend()
    for process in processes:
        process.kill()
    vlft.wait()
    psutil.wait_procs(processes, timeout=HANG_S)
    folder: Path = state.parents[2]
    return folder


def weights(run: Path) -> bytes:
    return (run / "checkpoints" / f"checkpoint-{STEPS}" / "adapter_model.safetensors").read_bytes()


def test_a_resumed_run_ends_with_the_weights_of_an_undisturbed_one(
    vlft: Any, tiny_config: Any, tmp_path: Path
) -> None:
    config = tiny_config(steps=STEPS)
    folder = start_and_cut_power(config, tmp_path, 4)
    run = read_run(folder)
    assert run is not None
    assert run.status == "killed"
    before = {path.name for path in run.whole_checkpoints}
    # What a kill during a save leaves behind: it is not gone on from, and not lost.
    half = folder / "checkpoints" / f"checkpoint-{STEPS - 2}"
    half.mkdir(exist_ok=True)
    (half / "adapter_model.safetensors").write_bytes(b"\x10")
    (half / "trainer_state.json").unlink(missing_ok=True)

    resumed = vlft("runs", "resume", folder.name, "--format", "json")
    assert resumed.code == 0, resumed.err
    last = max(before, key=lambda name: int(name.rpartition("-")[2]))
    assert f"going on from {last}" in resumed.err
    assert json.loads(resumed.out)["status"] == "finished"
    assert [path.name for path in (folder / "incomplete").iterdir()]
    assert json.loads((folder / "attempt-2" / "attempt.json").read_text())["checkpoint"].endswith(
        last
    )
    steps = [line for line in resumed.err.splitlines() if line.startswith("step ")]
    assert not [line for line in steps if line.startswith("step 1/")]

    whole = vlft("train", str(config), "--format", "json")
    assert whole.code == 0, whole.err
    assert weights(folder) == weights(Path(json.loads(whole.out)["output_dir"]))

    again = vlft("runs", "resume", folder.name)
    assert again.code == 1
    assert "has finished" in again.err


def test_a_run_that_would_be_another_one_is_not_resumed(
    vlft: Any, tiny_config: Any, tmp_path: Path
) -> None:
    config = tiny_config(steps=200)
    folder = start_and_cut_power(config, tmp_path, 2)
    config.write_text(config.read_text().replace("learning_rate: 1e-2", "learning_rate: 2e-2"))
    refused = vlft("runs", "resume", folder.name)
    assert refused.code == 1
    assert "learning_rate was 1e-2, and is 2e-2" in refused.err
    assert "--set swift.resume_only_model=true" in refused.err
    config.unlink()
    refused = vlft("runs", "resume", folder.name)
    assert refused.code == 1
    assert f"is gone: {config}" in refused.err
    assert not (folder / "attempt-2").exists()
