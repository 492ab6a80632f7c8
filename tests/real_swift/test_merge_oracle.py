"""What peft itself merges is found right, in every type and kind; another adapter is not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from support.ms_swift import PROGRAMS

from vlft.errors import TrainerError
from vlft.export.base import read_base
from vlft.export.verify import verify_merge
from vlft.probe.checkpoint import read_checkpoint
from vlft.swift.interpreter import Interpreter, find_interpreter


def test_merges_of_the_real_peft(tiny_model: Path, tmp_path: Path) -> None:
    program = PROGRAMS / "peft_merges.py"
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
    pickled(tiny_model, tmp_path / "pickled")
    for name in ("plain-float32", "dora-bfloat16", "saved-float16"):
        assert verify(tmp_path / name, tmp_path / name, tmp_path / "pickled", interpreter) == 8
    wrong, right = tmp_path / "rslora-float32", tmp_path / "plain-float32"
    with pytest.raises(TrainerError, match="are not right"):
        verify(wrong, right, tmp_path / "pickled", interpreter)


def pickled(model: Path, folder: Path) -> None:
    """The same model with its weights in two pickles, one of them in the form before torch 1.6."""
    program = (
        "import json, sys, torch; from pathlib import Path\n"
        "from safetensors.torch import load_file\n"
        "model, folder = map(Path, sys.argv[1:])\n"
        "found = load_file(model / 'model.safetensors')\n"
        "names = sorted(found); files = {}\n"
        "for number, part in enumerate((names[::2], names[1::2]), start=1):\n"
        "    file = f'pytorch_model-{number:05}-of-00002.bin'\n"
        "    torch.save({name: found[name] for name in part}, folder / file,\n"
        "               _use_new_zipfile_serialization=number == 1)\n"
        "    files |= dict.fromkeys(part, file)\n"
        "index = folder / 'pytorch_model.bin.index.json'\n"
        "index.write_text(json.dumps({'metadata': {}, 'weight_map': files}))\n"
    )
    folder.mkdir()
    for file in model.iterdir():
        if file.suffix != ".safetensors":
            (folder / file.name).symlink_to(file)
    words = [sys.executable, "-c", program, str(model), str(folder)]
    subprocess.run(words, check=True, capture_output=True)


def verify(adapter: Path, merged: Path, base: Path, interpreter: Interpreter) -> int:
    """How many layers were recomputed."""
    found = verify_merge(
        read_checkpoint(adapter / "adapter"),
        read_base(read_checkpoint(base), interpreter),
        merged / "merged",
        adapter,
        interpreter,
    )
    return found["sampled_layers"]
