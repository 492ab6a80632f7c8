"""Real training steps on a GPU: what they take, beside vlft's estimate.

Run by the trainer's interpreter on a machine with a GPU, never imported by vlft:

    python -m tools.gpu_memory POINTS.jsonl --output MEASURED.jsonl

Weights are random and inputs too: memory does not depend on values. A point whose `attn` is
flash needs the flash-attn package; without it, sdpa is measured, which picks the same kind of
kernel. Rows come out with `gpu` (the card), `torch_allocated` and `torch_reserved` (the peaks of
the second step), `smi_used` (of the whole card, which should be idle, from the driver), and the
estimate; a step that runs out of memory has `error`. Quantised weights, Liger's kernels and unequal
rows are not measured.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
from pathlib import Path
from typing import Any


def measure(point: dict[str, Any], config: dict[str, Any]) -> dict[str, Any]:
    """Peaks of the second of two steps."""
    import torch

    from tools.memory_oracle.model import FakeModel, set_checkpointing, trained_model

    base = _base(config, str(point.get("attn", "flash")))
    trained = trained_model(base, point).to_empty(device="cuda")
    base.tie_weights()
    parameters = tuple(trained.parameters())
    model = FakeModel(base, trained, parameters, tuple(p for p in parameters if p.requires_grad))
    set_checkpointing(model, point)
    optimizer = torch.optim.AdamW(model.trainable, lr=0.0, fused=True)
    inputs = _inputs(model, point)
    for _ in range(2):
        torch.cuda.reset_peak_memory_stats()
        for _micro in range(point["ga"]):
            with torch.autocast("cuda", dtype=torch.bfloat16):
                loss = trained(**inputs).loss
            loss.backward()
            del loss
        optimizer.step()
        optimizer.zero_grad()
    torch.cuda.synchronize()
    free, total = torch.cuda.mem_get_info()
    return {
        "gpu": torch.cuda.get_device_name(),
        "torch_allocated": torch.cuda.max_memory_allocated(),
        "torch_reserved": torch.cuda.max_memory_reserved(),
        "smi_used": total - free,
    }


def _tried(point: dict[str, Any], config: dict[str, Any]) -> dict[str, Any]:
    """What was measured, or that the card was too small."""
    import torch

    try:
        return measure(point, config)
    except torch.cuda.OutOfMemoryError:
        return {"error": "out of memory"}


def _base(config: dict[str, Any], attention: str) -> Any:
    import importlib.util

    from tools.memory_oracle.model import skeleton

    names = {"flash": "flash_attention_2", "sdpa": "sdpa", "eager": "eager"}
    name = names[attention]
    if attention == "flash" and importlib.util.find_spec("flash_attn") is None:
        name = "sdpa"
    base = skeleton(config, "eager")
    for module in base.modules():
        if hasattr(getattr(module, "config", None), "_attn_implementation_internal"):
            module.config._attn_implementation_internal = name  # noqa: SLF001
    return base


def _inputs(model: Any, point: dict[str, Any]) -> dict[str, Any]:
    """Rows of one picture and text, with the placeholders where the model looks for them."""
    import torch

    rows, tokens, vision = point["batch"], point["seq"], point["vis_tokens"]
    ids = torch.full((rows, tokens), 1000, device="cuda")
    ids[:, :vision] = model.base.config.image_token_id
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    kept = point["n_logits"]
    if kept is not None:
        inputs["logits_to_keep"] = kept
    inputs["labels"] = ids[:, -kept:].clone() if kept is not None else ids.clone()
    tower = model.base.config.vision_config
    if not model.is_qwen:
        side = tower.image_size[0]
        size = (rows * point["tiles"], 3, side, side)
        return inputs | {"pixel_values": torch.zeros(size, dtype=torch.bfloat16, device="cuda")}
    height, width = point["grid"]
    patch = 3 * tower.temporal_patch_size * tower.patch_size**2
    inputs["image_grid_thw"] = torch.tensor([[1, height, width]] * rows, device="cuda")
    inputs["position_ids"] = torch.arange(tokens, device="cuda").expand(3, rows, tokens)
    return inputs | {"pixel_values": torch.zeros(rows * height * width, patch, device="cuda")}


def main() -> int:
    """Measure every row; one line of JSON each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("points", type=Path)
    parser.add_argument("--output", type=Path, help="default: standard output")
    options = parser.parse_args()
    import torch

    from tools.memory_oracle.__main__ import read_points
    from vlft.estimate.memory.estimate import estimate
    from vlft.estimate.memory.points import run_of
    from vlft.models import shape_of

    if not torch.cuda.is_available():
        sys.stderr.write("gpu_memory: no GPU is visible; scripts/memory_oracle needs none\n")
        return 1
    output = options.output.open("w", encoding="utf-8") if options.output else sys.stdout
    with output:
        for point in read_points(options.points):
            config = json.loads((Path(point["model_dir"]) / "config.json").read_text("utf-8"))
            shape = shape_of(config)
            row = dict(point)
            if shape is not None:
                memory = estimate(shape, run_of(point, shape))
                row["estimate_allocated"] = memory.allocated_peak
                row["estimate_reserved"] = [memory.reserved_low, memory.reserved_high]
            if any(point.get(key) for key in ("quant_bits", "liger", "padding")):
                row["error"] = "not measured: quantised weights, Liger's kernels, unequal rows"
            else:
                row |= _tried(point, config)
            gc.collect()
            torch.cuda.empty_cache()
            output.write(json.dumps(row) + "\n")
            output.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
