"""Two vlft that want the same folder at the same time: one gets it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from support.standin_swift import standin_interpreter

from vlft.runs.record import read_run

# Ends when it is told to, and fails the first time.
TRAINER = """
import sys, time
from pathlib import Path

run = Path(sys.argv[sys.argv.index("--output_dir") + 1]).parent
again = "--resume_from_checkpoint" in sys.argv
saved = run / "checkpoints" / "checkpoint-2"
saved.mkdir(parents=True, exist_ok=True)
(saved / "trainer_state.json").write_text("{}")
with (run / "started").open("a") as file:
    file.write("x")
while not Path("go").exists():
    time.sleep(0.01)
sys.exit(0 if again else "the end of the first attempt")
"""


@pytest.fixture
def config(tmp_path: Path, write_config: Any) -> str:
    python = standin_interpreter(tmp_path / "standin")
    (site,) = (tmp_path / "standin").glob("lib/python3.*/site-packages")
    (site / "swift" / "cli" / "sft.py").write_text(TRAINER)
    return str(write_config(f"launch: {{gpus: none, python: {python}}}\n"))


def both(tmp_path: Path, *words: str) -> list[tuple[int, str]]:
    """Exit codes and words of two vlft that are started at once; the trainer ends when one has."""
    command = [sys.executable, "-m", "vlft", *words, "--no-validate"]
    (tmp_path / "go").unlink(missing_ok=True)
    vlfts = [
        subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, env=os.environ)
        for _ in range(2)
    ]
    while all(vlft.poll() is None for vlft in vlfts):
        time.sleep(0.01)
    (tmp_path / "go").touch()
    return sorted((vlft.wait(), vlft.communicate()[1]) for vlft in vlfts)


def test_two_vlft_with_one_run_id(config: str, tmp_path: Path) -> None:
    (refused, why), (failed, _) = both(tmp_path, "train", config, "--run-id", "one")
    assert (refused, failed) == (1, 3), why
    assert "holds a run already" in why
    run = read_run(tmp_path / "output" / "one")
    assert run is not None
    assert (run.status, (run.folder / "started").read_text()) == ("failed", "x")
    assert run.record["id"] == "one"


def test_two_vlft_resume_one_run(config: str, vlft: Any, tmp_path: Path) -> None:
    (tmp_path / "go").touch()
    assert vlft("train", config, "--no-validate", "--run-id", "one").code == 3
    (finished, _), (refused, why) = both(tmp_path, "runs", "resume", "one")
    assert (finished, refused) == (0, 1), why
    assert "resume the run one" in why or "the run one is " in why
    run = read_run(tmp_path / "output" / "one")
    assert run is not None
    assert (run.status, (run.folder / "started").read_text()) == ("finished", "xx")
    assert json.loads((run.attempt / "outcome.json").read_text())["status"] == "finished"
