"""Folders that examples go on from or take modules from."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path


def lay_out_resume(folder: Path) -> None:
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
        checkpoint = folder / name
        checkpoint.mkdir(exist_ok=True)
        (checkpoint / "adapter_config.json").write_text("{}")
        (checkpoint / "args.json").write_text(json.dumps(args))
        (checkpoint / "trainer_state.json").write_text(json.dumps({"global_step": 10}))
        for file in files:
            (checkpoint / file).parent.mkdir(exist_ok=True)
            (checkpoint / file).touch()


def lay_out_tower(folder: Path, make_model: Callable[..., Path]) -> None:
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
    (make_model(folder / "towered") / "model.safetensors").write_bytes(weights)
