# ruff: noqa: TID253  # run by the trainer's interpreter alone
"""One training step, phase by phase."""

from __future__ import annotations

import gc
import math
from typing import TYPE_CHECKING, Any

import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from tools.memory_oracle.attention import expect_full_mask
from tools.memory_oracle.model import prepare
from tools.memory_oracle.tracker import StorageTracker
from tools.memory_oracle.vision import fixed_grid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tools.memory_oracle.model import FakeModel


def measure(point: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters and bytes of a point; needs `attention.register` and `autocast.like_cuda`.

    Args:
        point: A row with the keys of a point (docs/memory.md).
        config: Its model's config.json.

    Returns:
        `n_params`, `n_trainable`, `peak_bytes`, `phases_bytes`, `peak_backward_op`.
    """
    tracker = StorageTracker(selected=point["vis_tokens"] * point["batch"])
    fake = FakeTensorMode(allow_non_fake_inputs=True)
    model = prepare(point, config, tracker, fake)
    with fake, tracker:
        inputs = _inputs(model, point)
        gc.collect()
        phases, operator = _step(model, inputs, point, tracker)
    phases["param_bytes"] = sum(p.numel() * p.element_size() for p in model.parameters)
    phases["train_bytes"] = sum(p.numel() * p.element_size() for p in model.trainable)
    return {
        "n_params": model.size,
        "n_trainable": sum(p.numel() for p in model.trainable),
        "peak_bytes": max(phases["peak_fwd"], phases["peak_bwd"], phases["peak_opt"]),
        "phases_bytes": phases,
        "peak_backward_op": operator,
    }


def _step(
    model: FakeModel, inputs: dict[str, Any], point: Mapping[str, Any], tracker: StorageTracker
) -> tuple[dict[str, int], str]:
    phases = {"static": tracker.live}
    optimizer = torch.optim.AdamW(model.trainable, lr=1e-4, fused=True)
    for parameter in model.trainable:
        optimizer.state[parameter] = {
            "step": torch.zeros(()),
            "exp_avg": torch.zeros_like(parameter),
            "exp_avg_sq": torch.zeros_like(parameter),
        }
    for _ in range(point["ga"] - 1):
        _forward(model, inputs, point).backward()
    gc.collect()
    phases["start"] = tracker.live
    tracker.reset()
    loss = _forward(model, inputs, point)
    phases |= {"after_fwd": tracker.live, "peak_fwd": tracker.peak}
    tracker.reset()
    loss.backward()
    del loss
    phases |= {"after_bwd": tracker.live, "peak_bwd": tracker.peak}
    operator = tracker.peak_operator
    tracker.reset()
    optimizer.step()
    phases["peak_opt"] = tracker.peak
    optimizer.zero_grad()
    phases["idle"] = tracker.live
    return phases, operator


def _forward(model: FakeModel, inputs: dict[str, Any], point: Mapping[str, Any]) -> Any:
    """The loss; the logits are let go, as Trainer.compute_loss lets them go."""
    enabled = point.get("autocast", True)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled):
        return model.trained(**inputs).loss


def _inputs(model: FakeModel, point: Mapping[str, Any]) -> dict[str, Any]:
    """A batch as ms-swift's collator makes it: rows × tokens, one picture a row."""
    rows, tokens, kept = point["batch"], point["seq"], point["n_logits"]
    pictures: dict[str, Any]
    if model.is_qwen:
        height, width = point["grid"]
        fixed_grid(model.base, (height, width), rows)
        vision = model.base.config.vision_config
        patch = 3 * vision.temporal_patch_size * vision.patch_size**2
        pictures = {"pixel_values": torch.empty(height * width * rows, patch)}
        pictures["image_grid_thw"] = torch.empty(rows, 3, dtype=torch.long)
    else:
        patches = point["patches"] // point["tiles"] - 1  # less the class token
        side = math.isqrt(patches) * model.base.config.vision_config.patch_size[0]
        size = (point["tiles"] * rows, 3, side, side)
        pictures = {"pixel_values": torch.empty(size, dtype=torch.bfloat16)}
    if point.get("packed"):
        rows, tokens = 1, rows * tokens
    inputs = {"input_ids": torch.empty(rows, tokens, dtype=torch.long)}
    if kept is None:
        inputs["labels"] = torch.empty(rows, tokens, dtype=torch.long)
    else:
        inputs["labels"] = torch.empty(rows, kept, dtype=torch.long)
        inputs["logits_to_keep"] = kept
    if model.is_qwen:
        inputs["position_ids"] = torch.empty(3, rows, tokens, dtype=torch.long)
    expect_full_mask(full=not point.get("padding"))
    if point.get("padding") or not model.is_qwen:
        inputs["attention_mask"] = torch.empty(rows, tokens, dtype=torch.long)
    return inputs | pictures
