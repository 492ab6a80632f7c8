"""DeepSpeed's JSON files, and a model whose heads can be counted."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

_ZERO = {"zero_optimization": {"stage": 2}, "train_batch_size": "auto"}


def lay_out_deepspeed(folder: Path, make_model: Callable[..., Path]) -> None:
    """Writes ds-*.json and two-heads/."""
    (folder / "ds-broken.json").write_text('{"zero_optimization": {"stage": 2},\n}')
    for name, settings in {
        "ds-auto": _ZERO,
        "ds-no-zero": {"train_batch_size": "auto"},
        "ds-no-batch": {"zero_optimization": {"stage": 2}},
        "ds-numbers": _ZERO | {"gradient_accumulation_steps": 4},
    }.items():
        (folder / f"{name}.json").write_text(json.dumps(settings))
    model = make_model(folder / "two-heads" / "Qwen2-VL-2B-Instruct")
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps(config | {"num_key_value_heads": 2}))
