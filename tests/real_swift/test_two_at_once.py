"""A handful of real runs by two vlft at once; 200 of a stand-in: tests/runs/test_many_runs.py."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.ms_swift import PLUGINS
from support.ms_swift.trials import Trial

HOLDING = PLUGINS / "holding.py"
PLUGIN = ("--set", f"swift.external_plugins=[{HOLDING}]")
SECRET = "0123456789abcdef"


@pytest.mark.parametrize("end", ["terminate", "kill"])
def test_two_runs_of_two_processes_each(
    end: str, vlft: Any, tiny_config: Any, tmp_path: Path
) -> None:
    config = tiny_config(steps=6, launch="gpus: none, nproc_per_node: 2")
    config.write_text(config.read_text().replace("swift: {", f"swift: {{swanlab_token: {SECRET}, "))
    trials = {}
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        words = ("train", config, *PLUGIN, "--run-id", name)
        trials[name] = Trial(*words, cwd=tmp_path / name, hold="3")
    for trial in trials.values():
        trial.wait_until_held()
        words = [word for process in trial.processes() for word in process.cmdline()]
        assert "--swanlab_token" in words
        assert not [word for word in words if SECRET in word], "as `ps` shows them"
    ports = {trial.torchrun().environ()["MASTER_PORT"] for trial in trials.values()}
    assert len(ports) == 2
    getattr(trials["a"].vlft, end)()
    stopped = vlft("runs", "stop", "b", "--wait", "600")
    assert (stopped.code, stopped.out) == (0, "b  stopped\n"), stopped.err
    codes = [trial.end()[0] for trial in trials.values()]
    assert codes == [143 if end == "terminate" else -9, 143]
    rows = json.loads(vlft("runs", "list", "--format", "json").out)
    a = "stopped" if end == "terminate" else "killed"
    assert {row["id"]: row["status"] for row in rows} == {"a": a, "b": "stopped"}
    assert [len(row["checkpoints"]) for row in rows] == [1, 1]
