"""What DeepSpeed's JSON file says."""

from __future__ import annotations

import json
from pathlib import Path

from vlft.probe.deepspeed import ZERO_PRESETS, Deepspeed, preset, read_deepspeed


def read(tmp_path: Path, settings: object) -> Deepspeed:
    file = tmp_path / "ds.json"
    file.write_text(settings if isinstance(settings, str) else json.dumps(settings))
    return read_deepspeed(file)


def test_presets() -> None:
    stages = {
        name: (found.stage, found.offload) for name in ZERO_PRESETS if (found := preset(name))
    }
    assert stages["zero3"] == (3, False)
    assert stages["zero2_offload"] == (2, True)
    assert len(stages) == len(ZERO_PRESETS)
    assert preset("zero4") is None


def test_what_is_auto_or_absent_is_not_fixed(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        {
            "train_batch_size": "auto",
            "gradient_accumulation_steps": 4,
            "optimizer": {"type": "AdamW", "params": {"lr": 1e-4, "weight_decay": "auto"}},
            "bf16": {"enabled": True},
            "fp16": "auto",
        },
    )
    assert dict(found.fixed) == {
        "gradient_accumulation_steps": 4,
        "optimizer.params.lr": 1e-4,
        "bf16.enabled": True,
    }
    assert (found.stage, found.sharded, found.batched, found.empty) == (None, False, True, False)


def test_the_stage_and_what_is_kept_in_main_memory(tmp_path: Path) -> None:
    zero = {"stage": 3, "offload_param": {"device": "nvme"}}
    found = read(tmp_path, {"zero_optimization": zero})
    assert (found.stage, found.offload) == (3, True)
    assert found.sharded
    assert not found.batched
    none = read(tmp_path, {"zero_optimization": {"offload_optimizer": {"device": "none"}}})
    assert (none.stage, none.offload) == (0, False)


def test_an_empty_file(tmp_path: Path) -> None:
    assert read(tmp_path, {}).empty


def test_what_is_no_json_is_named_with_its_line(tmp_path: Path) -> None:
    problem = read(tmp_path, '{"a": 1,\n}').problem
    assert problem is not None
    assert "line 2" in problem.message
    assert problem.hint
    assert "no comments" in problem.hint
    assert read(tmp_path, "[1]").problem is not None
