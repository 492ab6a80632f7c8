"""Sizes of a config.json from anywhere: a figure or none, never a crash."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from vlft.estimate.memory.estimate import estimate
from vlft.estimate.memory.states import count
from vlft.estimate.memory.step_spec import RunShape
from vlft.estimate.page import to_json
from vlft.estimate.report import look_ahead
from vlft.models import shape_of
from vlft.pipeline import Ready, prepare

ODD: list[Any] = [
    *(None, "28", "gelu", -1, 0, 1, 2**31, 10**400, 1e308, math.nan, math.inf, 0.5, True),
    *([], [1, 2], {}),
]
TEXT = {
    "hidden_size": 2048,
    "num_hidden_layers": 28,
    "num_attention_heads": 16,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "intermediate_size": 6144,
    "vocab_size": 151936,
}
PATCHES = {"patch_size": 16, "spatial_merge_size": 2, "temporal_patch_size": 2}
CONFIGS: dict[str, dict[str, Any]] = {
    "qwen2_vl": {
        **TEXT,
        "vision_config": {"depth": 32, "embed_dim": 1280, "num_heads": 16, "mlp_ratio": 4}
        | PATCHES,
    },
    "qwen2_5_vl": {
        **TEXT,
        "vision_config": {
            **PATCHES,
            "depth": 32,
            "hidden_size": 1280,
            "num_heads": 16,
            "intermediate_size": 3420,
            "fullatt_block_indexes": [7, 15],
        },
    },
    "qwen3_vl": {
        "text_config": {
            **TEXT,
            "num_experts": 8,
            "num_experts_per_tok": 2,
            "moe_intermediate_size": 512,
            "mlp_only_layers": [0],
            "decoder_sparse_step": 1,
        },
        "vision_config": {
            **PATCHES,
            "hidden_size": 1024,
            "intermediate_size": 4096,
            "depth": 24,
            "num_heads": 16,
            "deepstack_visual_indexes": [5, 11],
            "num_position_embeddings": 2304,
        },
    },
    "internvl_chat": {
        "llm_config": {**TEXT, "model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"]},
        "vision_config": {
            "hidden_size": 1024,
            "intermediate_size": 4096,
            "num_hidden_layers": 24,
            "num_attention_heads": 16,
            "patch_size": 14,
            "image_size": 448,
        },
        "downsample_ratio": 0.5,
        "force_image_size": 448,
    },
}


def keys_of(config: dict[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, value in config.items():
        yield (*above, name)
        if isinstance(value, dict):
            yield from keys_of(value, (*above, name))


def changed(config: dict[str, Any], key: tuple[str, ...], value: Any) -> dict[str, Any]:
    copied = copy.deepcopy(config)
    part = copied
    for name in key[:-1]:
        part = part[name]
    part[key[-1]] = value
    return copied


@pytest.mark.parametrize("kind", CONFIGS)
def test_odd_sizes(kind: str) -> None:
    config = {"model_type": kind, **CONFIGS[kind]}
    assert shape_of(config) is not None
    for key in keys_of(config):
        for value in ODD:
            shape = shape_of(changed(config, key, value))
            if shape is not None:
                assert count(shape).parameters > 0, (key, value)
                assert estimate(shape, RunShape(tokens=100)).allocated_peak > 0, (key, value)


@pytest.mark.parametrize("kind", CONFIGS)
def test_a_run_of_odd_sizes(kind: str, model_folder: Path, write_config: Any) -> None:
    config = {"model_type": kind, **CONFIGS[kind]}
    file = write_config("")
    for key in keys_of(config):
        for value in ("28", -1, 10**400, [], None):
            text = json.dumps(changed(config, key, value))
            (model_folder / "config.json").write_text(text)
            made = prepare(file, environ={})
            if isinstance(made, Ready):
                to_json(look_ahead(made))
