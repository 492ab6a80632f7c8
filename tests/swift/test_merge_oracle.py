"""What peft itself merges is found right, in every type and kind; another adapter is not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from vlft.errors import TrainerError
from vlft.facts.checkpoint import read_checkpoint
from vlft.facts.interpreter import Interpreter, find_interpreter
from vlft.launch.verifying import verify_merge


def test_merges_of_the_real_peft(tiny_model: Path, tmp_path: Path) -> None:
    program = Path(__file__).parent / "peft_merges.py"
    words = [sys.executable, str(program), str(tiny_model), str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    interpreter = find_interpreter(None)
    assert interpreter is not None
    kinds = sorted(path.name for path in tmp_path.iterdir())
    assert len(kinds) == 19
    for kind in kinds:
        found = verify(tmp_path / kind, tmp_path / kind, tiny_model, interpreter)
        layers = {"lora_bias": 2, "embedding": 3}.get(kind.rpartition("-")[0], 8)
        assert found == layers, kind
    for kind in ("plain-float32", "plain-bfloat16", "dora-bfloat16", "rslora-float16"):
        other = "rslora-float32" if kind.startswith("plain") else "plain-float32"
        with pytest.raises(TrainerError, match="are not right"):
            verify(tmp_path / other, tmp_path / kind, tiny_model, interpreter)


def verify(adapter: Path, merged: Path, base: Path, interpreter: Interpreter) -> int:
    """How many layers were recomputed."""
    found = verify_merge(
        read_checkpoint(adapter / "adapter"),
        read_checkpoint(base),
        merged / "merged",
        adapter,
        interpreter,
    )
    return found.sampled_layers
