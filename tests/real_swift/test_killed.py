"""However vlft ends, no process is left, the record says it, and earlier checkpoints load."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest
from support.ms_swift.trials import marked
from support.waiting import HANG_S, wait_for

from vlft.probe.checkpoint import read_checkpoint
from vlft.runs.record import read_run

ENDS = {signal.SIGTERM: "stopped", signal.SIGINT: "stopped", signal.SIGKILL: "killed"}


@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.name)
def test_nothing_is_left(
    end: signal.Signals, processes: int, tiny_config: Any, tmp_path: Path
) -> None:
    mark = uuid.uuid4().hex
    config = tiny_config(steps=5000, launch=f"gpus: none, nproc_per_node: {processes}")
    vlft = subprocess.Popen(
        [sys.executable, "-m", "vlft", "train", str(config), "--format", "json"],
        cwd=tmp_path,
        env=os.environ | {"VLFT_TEST_MARK": mark},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    states = "output/*/checkpoints/checkpoint-4/trainer_state.json"
    wait_for(lambda: list(tmp_path.glob(states)), "a checkpoint")
    # vlft, its supervisor and the trainers; with two, torchrun too.
    assert len(marked(mark)) >= 2 + processes
    vlft.send_signal(end)
    vlft.communicate(timeout=HANG_S)
    assert vlft.returncode == (-9 if end == signal.SIGKILL else 128 + end)
    wait_for(lambda: not marked(mark), "the end of all processes")

    (folder,) = (tmp_path / "output").iterdir()
    run = wait_for(lambda: read_run(folder), "the record")
    assert run.status == ENDS[end]
    assert run.outcome["reason"]
    earlier = read_checkpoint(folder / "checkpoints" / "checkpoint-2")
    assert earlier.kind == "adapter"
    assert not earlier.problems
    state = json.loads((folder / "checkpoints" / "checkpoint-2" / "trainer_state.json").read_text())
    assert state["global_step"] == 2


def test_a_killed_run_is_resumed_from_an_earlier_checkpoint(
    vlft: Any, tiny_config: Any, tmp_path: Path
) -> None:
    running = subprocess.Popen(
        [sys.executable, "-m", "vlft", "train", str(tiny_config(steps=5000))],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    states = "output/*/checkpoints/checkpoint-4/trainer_state.json"
    (state,) = wait_for(lambda: list(tmp_path.glob(states)), "a checkpoint")
    running.kill()
    running.wait()
    earlier = state.parents[1] / "checkpoint-2"
    override = f"train.resume_from_checkpoint={earlier}"
    done = vlft("train", str(tiny_config(steps=4)), "--set", override)
    assert done.code == 0, done.err
    assert "step 3/4" in done.err
    assert "step 2/4" not in done.err
