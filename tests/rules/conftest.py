"""Files that examples of rules start from, beside those of every test."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest

ROW = {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}


@pytest.fixture
def data_file(tmp_path: Path) -> Path:
    """As many rows as the batches of the examples need."""
    file = tmp_path / "train.jsonl"
    file.write_text((json.dumps(ROW) + "\n") * 64)
    return file


@pytest.fixture(autouse=True)
def _checkpoints(tmp_path: Path) -> None:
    """Checkpoints to go on from: each lacks what its name says, or was saved in that way."""
    args = {"tuner_type": "lora"}
    for name, files in {
        "resume-plain": ["optimizer.pt"],
        "resume-weights": [],
        "resume-zero2": [
            f"global_step10/bf16_zero_pp_rank_{rank}_mp_rank_00_optim_states.pt"
            for rank in range(2)
        ],
    }.items():
        folder = tmp_path / name
        folder.mkdir()
        (folder / "adapter_config.json").write_text("{}")
        (folder / "args.json").write_text(json.dumps(args))
        (folder / "trainer_state.json").write_text(json.dumps({"global_step": 10}))
        for file in files:
            (folder / file).parent.mkdir(exist_ok=True)
            (folder / file).touch()


@pytest.fixture(autouse=True)
def _model_with_a_tower(tmp_path: Path, make_model: Any) -> None:
    """A Qwen2-VL with a module in its vision tower that is called as one of its layers."""
    names = ["layers.0.self_attn.q_proj", "layers.0.mlp.up_proj"]
    modules = [f"model.{name}" for name in names] + ["visual.blocks.0.mlp.up_proj"]
    header = json.dumps(
        {
            f"{name}.weight": {
                "dtype": "BF16",
                "shape": [2, 2],
                "data_offsets": [8 * place, 8 * place + 8],
            }
            for place, name in enumerate(modules)
        }
    ).encode()
    weights = struct.pack("<Q", len(header)) + header + bytes(8 * len(modules))
    (make_model(tmp_path / "towered") / "model.safetensors").write_bytes(weights)
