"""A run is not gone on with as another one than it was; the weights alone are offered."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.standin_swift import standin_interpreter

# Fails at first, with a checkpoint; takes any other start.
TRAINER = """
import json, sys
from pathlib import Path

run = Path(sys.argv[sys.argv.index("--output_dir") + 1]).parent
saved = run / "checkpoints" / "checkpoint-2"
saved.mkdir(parents=True, exist_ok=True)
(saved / "trainer_state.json").write_text("{}")
(run / "argv.json").write_text(json.dumps(sys.argv))
sys.exit(0 if "--resume_from_checkpoint" in sys.argv else "the end of the first attempt")
"""


@pytest.fixture
def config(tmp_path: Path, write_config: Any) -> Path:
    python = standin_interpreter(tmp_path / "standin")
    (site,) = (tmp_path / "standin").glob("lib/python3.*/site-packages")
    (site / "swift" / "cli" / "sft.py").write_text(TRAINER)
    file: Path = write_config(f"launch: {{gpus: none, nproc_per_node: 1, python: {python}}}\n")
    return file


def replaced(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("world", "world.nproc_per_node was 1, and is 2"),
        ("data", "train.jsonl has another content than before"),
        ("longer data", "train.jsonl had "),
        ("config", "seed was not set, and is 7"),
        ("environment", "MAX_PIXELS was not set, and is 1003520"),
    ],
)
def test_what_has_changed_is_named_and_the_weights_are_offered(
    change: str, words: str, config: Path, vlft: Any, tmp_path: Path
) -> None:
    assert vlft("train", str(config), "--no-validate", "--run-id", "run").code == 3
    environ = {}
    if change == "world":
        replaced(config, "nproc_per_node: 1", "nproc_per_node: 2")
    elif change == "data":
        replaced(tmp_path / "train.jsonl", '"b"', '"c"')
    elif change == "longer data":
        replaced(tmp_path / "train.jsonl", '"b"', '"bb"')
    elif change == "config":
        config.write_text(config.read_text() + "train: {seed: 7}\n")
    else:
        environ["MAX_PIXELS"] = "1003520"
    refused = vlft("runs", "resume", "run", "--no-validate", **environ)
    assert (refused.code, words in refused.err) == (1, True), refused.err
    assert not (tmp_path / "output" / "run" / "attempt-2").exists()

    offered = re.search(r"from the weights alone: vlft (.*)", refused.err)
    assert offered is not None
    if change == "world":  # the stand-in has no torchrun
        replaced(config, "nproc_per_node: 2", "nproc_per_node: 1")
    line = f"{sys.executable} -m vlft {offered[1]} --no-validate --run-id new"
    done = subprocess.run(
        ["sh", "-c", line], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    argv = (tmp_path / "output" / "new" / "argv.json").read_text()
    assert '"--resume_only_model", "true"' in argv
    assert "run/checkpoints/checkpoint-2" in argv
