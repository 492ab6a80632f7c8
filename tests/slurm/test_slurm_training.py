"""The real ms-swift under a real Slurm: two nodes, a preempted job, a node that goes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from slurm_cluster import Cluster, job_of, steps_of

pytestmark = pytest.mark.swift
Write = Callable[..., Path]


def restarts(cluster: Cluster, job: str) -> int:
    shown = cluster.run("scontrol", "show", "job", job).out
    return int(shown.partition("Restarts=")[2].split()[0])


def last_step(run: Path) -> int:
    folders = [path for path in (run / "checkpoints").glob("checkpoint-*") if path.is_dir()]
    newest = max(folders, key=lambda path: int(path.name.rpartition("-")[2]))
    step: int = json.loads((newest / "trainer_state.json").read_text())["global_step"]
    return step


def wait_at_the_gate(cluster: Cluster, run: Path) -> None:
    cluster.wait_for(lambda: len(steps_of(run)) >= 4, "the fourth step", run)


def test_four_ranks_on_two_nodes(cluster: Cluster, real_config: Write, tmp_path: Path) -> None:
    (run,) = cluster.train(tmp_path, real_config(steps=4, save_steps=2, nodes=2, processes=2))
    shown = cluster.end(run)
    log = (run / f"slurm-{job_of(run)}.out").read_text()
    assert shown["status"] == "finished", log[-4000:]
    args = json.loads((run / "checkpoints" / "args.json").read_text())
    assert (args["global_world_size"], args["gradient_accumulation_steps"]) == (4, 1)
    assert steps_of(run) == [1, 2, 3, 4]
    # Both nodes have spoken, and each rank has left its random state.
    assert "\n0: " in log
    assert "\n1: " in log
    states = {path.name for path in (run / "checkpoints" / "checkpoint-4").glob("rng_state_*")}
    assert states == {f"rng_state_{rank}.pth" for rank in range(4)}


def test_a_preempted_job_saves_begins_again_and_ends_with_the_same_steps(
    cluster: Cluster, real_config: Write, tmp_path: Path
) -> None:
    steps = 8
    # Only a checkpoint made on the signal can have been gone on from.
    config = real_config(steps=steps, save_steps=100, nodes=2, processes=2)
    (run,) = cluster.train(tmp_path, config)
    wait_at_the_gate(cluster, run)
    # What --signal=B:USR1@N sends, at a time of the test's choosing.
    cluster.run("scancel", "--batch", "--signal=USR1", job_of(run))
    cluster.wait_for(lambda: restarts(cluster, job_of(run)) == 1, "the requeue", run)
    (tmp_path / "go").touch()
    shown = cluster.end(run)
    log = (run / f"slurm-{job_of(run)}.out").read_text(errors="replace")
    assert shown["status"] == "finished", log[-4000:]
    assert f"vlft: going on from {run}/checkpoints/checkpoint-5\n" in log
    assert steps_of(run) == list(range(1, steps + 1)), "every step once"
    assert last_step(run) == steps
    # Whoever uses the checkpoint needs nothing of vlft.
    args = json.loads((run / "checkpoints" / "checkpoint-5" / "args.json").read_text())
    assert [Path(plugin).name for plugin in args["external_plugins"]] == ["gate.py"]
    assert args["callbacks"] == []


def test_a_node_that_goes_down_in_the_middle_costs_no_step(
    cluster: Cluster, real_config: Write, tmp_path: Path
) -> None:
    steps = 8
    (run,) = cluster.train(tmp_path, real_config(steps=steps, save_steps=2, nodes=2, processes=2))
    wait_at_the_gate(cluster, run)
    cluster.run("scontrol", "update", "NodeName=n2", "State=DOWN", "Reason=test")
    try:
        cluster.wait_for(lambda: restarts(cluster, job_of(run)) == 1, "the requeue", run)
        (tmp_path / "go").touch()
    finally:
        cluster.run("scontrol", "update", "NodeName=n2", "State=RESUME")
    shown = cluster.end(run)
    log = (run / f"slurm-{job_of(run)}.out").read_text(errors="replace")
    assert shown["status"] == "finished", log[-4000:]
    assert "vlft: going on from " in log
    assert last_step(run) == steps
    assert set(steps_of(run)) == set(range(1, steps + 1))


def test_a_job_that_was_stopped_is_resumed_as_a_new_job(
    cluster: Cluster, real_config: Write, tmp_path: Path
) -> None:
    steps = 8
    (run,) = cluster.train(tmp_path, real_config(steps=steps, save_steps=2, requeue=False))
    wait_at_the_gate(cluster, run)
    first = job_of(run)
    stopped = cluster.vlft(tmp_path, "runs", "stop", run.name, "--wait", "600")
    assert stopped.out == f"{run.name}  stopped\n", stopped.err
    (tmp_path / "go").touch()
    resumed = cluster.vlft(tmp_path, "runs", "resume", run.name)
    assert resumed.code == 0, resumed.err
    assert "going on from checkpoint-4" in resumed.err
    assert job_of(run / "attempt-2") != first
    assert cluster.end(run)["status"] == "finished"
    assert last_step(run) == steps
