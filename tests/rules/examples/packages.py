"""Examples of the rules `packages.*`."""

from __future__ import annotations

from examples.base import Example

FLASH = ["model.attn_impl=flash_attention_2", "launch.gpus=1"]
OLD, FLASHY = "launch.python=old/bin/python", "launch.python=flashy/bin/python"

EXAMPLES = {
    "packages.attention-unknown": Example(["model.attn_impl=flash"], ["model.attn_impl=eager"]),
    "packages.flash-attention": Example([*FLASH, OLD], [*FLASH, FLASHY]),
    "packages.flash-gpu": Example(
        ["model.torch_dtype=float16", *FLASH, FLASHY],
        ["model.torch_dtype=float16", "model.attn_impl=sdpa", "launch.gpus=1", FLASHY],
        hardware="V100-32G",
    ),
    "packages.transformers-old": Example([OLD], [FLASHY]),
    "packages.qwen-vl-utils": Example([OLD], [FLASHY]),
    "packages.model-newer": Example(
        ["model.path=of-five/Qwen2-VL-2B-Instruct", FLASHY],
        ["model.path=of-five/Qwen2-VL-2B-Instruct"],
    ),
    "packages.required": Example(["model.path=InternVL2-2B", FLASHY], [FLASHY]),
}
