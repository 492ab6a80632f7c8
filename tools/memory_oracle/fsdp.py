# ruff: noqa: TID253  # run by the trainer's interpreter alone
"""What FSDP2 holds of a small model, as accelerate prepares it: one of several gloo processes.

    RANK=0 WORLD_SIZE=2 MASTER_ADDR=127.0.0.1 MASTER_PORT=29500 python -m
    tools.memory_oracle.fsdp lora|full

Rank 0 prints one line of JSON: `base` and `trained` (parameters), and the bytes of all tensors by
type after the forward, the backward and the step of the second iteration.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import torch

from tools.memory_oracle.zero import bytes_by_type

WIDTH = 64
LAYERS = 20


class Block(torch.nn.Module):
    """What is sharded by itself: a decoder layer, here one square matrix."""

    def __init__(self, *, lora: bool) -> None:
        super().__init__()
        self.base = torch.nn.Linear(WIDTH, WIDTH, bias=False, dtype=torch.bfloat16)
        self.lora = torch.nn.Linear(WIDTH, WIDTH, bias=False) if lora else None
        self.base.requires_grad_(not lora)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """The product, and the adapter's beside it."""
        made: torch.Tensor = self.base(states)
        return made if self.lora is None else made + self.lora(states)


class Stack(torch.nn.Module):
    """The layers, named as accelerate looks for them."""

    _no_split_modules = ("Block",)

    def __init__(self, *, lora: bool) -> None:
        super().__init__()
        self.layers = torch.nn.ModuleList(Block(lora=lora) for _ in range(LAYERS))

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """Through all layers."""
        for layer in self.layers:
            states = layer(states)
        return states


def main() -> int:
    """Two steps, with ms-swift's preset (swift/config/fsdp2.json) and bf16."""
    os.environ["ACCELERATE_USE_CPU"] = "true"
    from accelerate import Accelerator, DistributedType, FullyShardedDataParallelPlugin

    torch.distributed.init_process_group("gloo")
    model: Any = Stack(lora=sys.argv[1] == "lora")
    numbers = {
        "base": sum(p.numel() for p in model.parameters() if not p.requires_grad),
        "trained": sum(p.numel() for p in model.parameters() if p.requires_grad),
    }
    plugin = FullyShardedDataParallelPlugin(
        fsdp_version=2,
        reshard_after_forward=True,
        auto_wrap_policy="transformer_based_wrap",
        transformer_cls_names_to_wrap=["Block"],
        cpu_ram_efficient_loading=False,
    )
    accelerator = Accelerator(cpu=True, mixed_precision="bf16")
    # accelerate shards on accelerators alone; its code for it runs on a CPU all the same.
    accelerator.state.distributed_type = DistributedType.FSDP
    accelerator.state.fsdp_plugin = plugin
    plugin.set_mixed_precision("bf16")
    optimizer: Any = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad])
    model, optimizer = accelerator.prepare(model, optimizer)
    inputs = torch.ones(4, WIDTH, dtype=torch.bfloat16)
    seen: dict[str, dict[str, int]] = {}
    for _ in range(2):
        loss = model(inputs).float().mean()
        seen["forward"] = bytes_by_type()
        accelerator.backward(loss)
        seen["backward"] = bytes_by_type()
        optimizer.step()
        optimizer.zero_grad()
        seen["step"] = bytes_by_type()
    if accelerator.is_main_process:
        sys.stdout.write(json.dumps(numbers | seen) + "\n")
    torch.distributed.destroy_process_group()
    return 0


if __name__ == "__main__":
    sys.exit(main())
