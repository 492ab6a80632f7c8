"""Examples of the rules `packages.*`."""

from __future__ import annotations

from examples.base import Example

FLASH = ["model.attn_impl=flash_attention_2", "launch.gpus=1"]
OLD, FLASHY = "launch.python=old/bin/python", "launch.python=flashy/bin/python"

EXAMPLES = {
    "packages.attention-unknown": Example(["model.attn_impl=flash"], ["model.attn_impl=eager"]),
    "packages.flash-attention": Example([*FLASH, OLD], [*FLASH, FLASHY]),
    "packages.transformers-old": Example([OLD], [FLASHY]),
    "packages.qwen-vl-utils": Example([OLD], [FLASHY]),
    "packages.required": Example(["model.path=InternVL2-2B", FLASHY], [FLASHY]),
}
