"""Qwen-VL of the first generation."""

from __future__ import annotations

from vlft.models.qwen_vl import is_qwen_vl
from vlft.rules.base import Problem, Problems, RunSpec, rule


@rule("error", "silent")
def pixels(run: RunSpec) -> Problems:
    """The first Qwen-VL, which resizes every picture alike, has no limits on pixels.

    Source: the checkpoint's visual.py: Resize((image_size, image_size)), n_queries=256
    """
    checkpoint = run.facts.model.checkpoint
    if checkpoint is None or not is_qwen_vl(checkpoint.config):
        return
    side = checkpoint.config["visual"].get("image_size", 448)
    for key in run.pixels:
        because = f"the first Qwen-VL makes {side}×{side} pixels and 256 tokens of every picture"
        yield Problem.ignored(("pixels", *key.split(".")), because, "leave it out")
