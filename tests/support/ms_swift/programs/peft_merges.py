"""Adapters of every kind, made and merged by the real peft; run as a program by a test.

    python peft_merges.py MODEL OUTPUT

OUTPUT gets a folder a kind with `adapter` and `merged`.
"""

from __future__ import annotations

import copy
import sys
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForImageTextToText

TARGETS = ["q_proj", "up_proj", "fc1", "qkv"]
KINDS = {
    "plain": {"r": 4, "lora_alpha": 8},
    "rslora": {"r": 4, "lora_alpha": 8, "use_rslora": True},
    "dora": {"r": 4, "lora_alpha": 8, "use_dora": True},
    "patterns": {
        "r": 4,
        "lora_alpha": 8,
        "rank_pattern": {"q_proj": 2, "layers.1.mlp.up_proj": 6},
        "alpha_pattern": {"q_proj": 16},
    },
    "saved": {"r": 4, "lora_alpha": 8, "modules_to_save": ["merger", "norm"]},
    "lora_bias": {"r": 4, "lora_alpha": 8, "lora_bias": True},
    "embedding": {"r": 4, "lora_alpha": 8, "target_modules": ["embed_tokens", "q_proj"]},
}


def main(model_folder: str, output: str) -> None:
    torch.manual_seed(0)
    for dtype in (torch.float32, torch.bfloat16, torch.float16):
        base = AutoModelForImageTextToText.from_pretrained(model_folder, dtype=dtype)
        for kind, options in KINDS.items():
            if kind == "embedding" and dtype is not torch.bfloat16:
                continue
            config = LoraConfig(**{"target_modules": TARGETS, **options})
            if options.get("lora_bias"):
                config.target_modules = {"q_proj"}
            model = get_peft_model(copy.deepcopy(base), config)
            with torch.no_grad():
                for name, value in model.named_parameters():
                    if value.requires_grad:
                        noise = torch.randn_like(value) * (0.2 if "lora" in name else 0.05)
                        value.add_(noise.abs() if "magnitude" in name else noise)
            folder = Path(output, f"{kind}-{str(dtype).removeprefix('torch.')}")
            model.save_pretrained(folder / "adapter")
            model.merge_and_unload().save_pretrained(folder / "merged")


if __name__ == "__main__":
    main(*sys.argv[1:])
