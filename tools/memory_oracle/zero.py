# ruff: noqa: TID253  # run by the trainer's interpreter alone
"""What DeepSpeed holds of a small model: one of several processes on the gloo backend.

    RANK=0 WORLD_SIZE=2 MASTER_ADDR=127.0.0.1 MASTER_PORT=29500 python -m
    tools.memory_oracle.zero STAGE

Rank 0 prints one line of JSON: `parameters`, and the bytes of all tensors by type after the
forward, the backward and the step of the second iteration.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from typing import Any

import torch

WIDTH = 64
LAYERS = 20


def main() -> int:
    """Two steps of a stack of square layers, with ms-swift's preset."""
    os.environ["DS_ACCELERATOR"] = "cpu"
    import deepspeed

    stage = int(sys.argv[1])
    deepspeed.init_distributed("gloo")
    model = torch.nn.Sequential(*(torch.nn.Linear(WIDTH, WIDTH, bias=False) for _ in range(LAYERS)))
    parameters = sum(parameter.numel() for parameter in model.parameters())
    optimizer = torch.optim.AdamW(model.parameters())
    engine, *_ = deepspeed.initialize(model=model, optimizer=optimizer, config=_config(stage))
    inputs = torch.zeros(4, WIDTH, dtype=torch.bfloat16)
    seen: dict[str, dict[str, int]] = {}
    for _ in range(2):
        loss = engine(inputs).float().mean()
        seen["forward"] = bytes_by_type()
        engine.backward(loss)
        seen["backward"] = bytes_by_type()
        engine.step()
        seen["step"] = bytes_by_type()
    if engine.global_rank == 0:
        sys.stdout.write(json.dumps({"parameters": parameters} | seen) + "\n")
    return 0


def _config(stage: int) -> dict[str, Any]:
    """swift/config/zero*.json, with the values that transformers gives "auto"."""
    zero: dict[str, Any] = {
        "stage": stage,
        "overlap_comm": False,
        "contiguous_gradients": True,
        "reduce_bucket_size": WIDTH**2,
    }
    if stage == 3:  # noqa: PLR2004
        zero |= {
            "sub_group_size": 1_000_000_000,
            "stage3_prefetch_bucket_size": int(0.9 * WIDTH**2),
            "stage3_param_persistence_threshold": 10 * WIDTH,
            "stage3_max_live_parameters": 1_000_000_000,
            "stage3_max_reuse_distance": 1_000_000_000,
        }
    return {
        "train_micro_batch_size_per_gpu": 1,
        "bf16": {"enabled": True},
        "zero_optimization": zero,
    }


def bytes_by_type() -> dict[str, int]:
    """Bytes of every storage that there is, by type."""
    gc.collect()
    storages: dict[int, tuple[str, int]] = {}
    for thing in gc.get_objects():
        if type(thing) in {torch.Tensor, torch.nn.Parameter}:
            storage = thing.untyped_storage()
            storages[storage.data_ptr()] = (str(thing.dtype), storage.nbytes())
    total: dict[str, int] = {}
    for kind, size in storages.values():
        total[kind] = total.get(kind, 0) + size
    return total


if __name__ == "__main__":
    sys.exit(main())
