"""A number of any size is a finding or a figure, never a crash."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from vlft.config.schema import Config
from vlft.estimate.page import to_json
from vlft.estimate.report import look_ahead
from vlft.pipeline import Ready, prepare
from vlft.probe.hardware import parse_hardware

VALUES = ("0", "-1", "1", str(2**63), "1" + "0" * 400, "1e308", "1e-308", "1e400", ".inf", ".nan")


def keys_of(model: type[BaseModel], above: str = "") -> list[str]:
    """The keys that take a number."""
    found = []
    for name, field in model.model_fields.items():
        kinds = [field.annotation, *get_args(field.annotation)]
        sections = [k for k in kinds if isinstance(k, type) and issubclass(k, BaseModel)]
        for section in sections:
            found += keys_of(section, f"{above}{name}.")
        if not sections and ("int" in str(field.annotation) or "float" in str(field.annotation)):
            found.append(above + name)
    return found


KEYS = [
    *keys_of(Config),
    *(f"env.{name}" for name in ("SPATIAL_MERGE_SIZE", "FRAME_FACTOR", "MAX_RATIO", "FPS")),
    *(f"swift.{name}" for name in ("max_pixels", "warmup_steps", "warmup_ratio", "logging_steps")),
    *(f"swift.{name}" for name in ("split_dataset_ratio", "max_epochs", "early_stop_interval")),
    *(f"swift.{name}" for name in ("dataset_num_proc", "lora_rank", "lisa_activated_layers")),
]


def test_the_keys_are_those_of_the_schema() -> None:
    assert {"launch.gpus", "train.max_steps", "pixels.video.fps", "data.val"} <= set(KEYS)


@pytest.mark.parametrize("key", KEYS)
def test_a_number_of_any_size(key: str, write_config: Any, tmp_path: Path) -> None:
    config = write_config("")
    machine = parse_hardware("8xA100-80G")
    for value in VALUES:
        made = prepare(config, [f"{key}={value}"], machine, environ={})
        if isinstance(made, Ready):
            assert to_json(look_ahead(made))["batch"]["global"] > 0, value
        else:
            assert made.findings, value
