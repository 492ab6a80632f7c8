"""Which settings `vlft plan --fit` proposes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from estimate.memory_points import config
from msgspec.structs import replace

from vlft.estimate.autotune import fitting
from vlft.estimate.memory.from_config import RowSize, pictures_of
from vlft.estimate.memory.step_spec import RunShape
from vlft.models import family_of, shape_of

GIB = 1024**3


def outlook(model: str, vision: int, gpu_gib: int) -> Any:
    """Full training on one GPU: rows of one picture."""
    sizes = config(model)
    shape, family = shape_of(sizes), family_of(sizes["model_type"])
    assert shape is not None
    assert family is not None
    assert family.vision is not None
    row = RowSize(vision + 256, vision)
    run = RunShape(tokens=row.tokens, vision_tokens=vision, pictures=pictures_of(vision, shape))
    run = replace(run, lora=False, gradient_checkpointing=True)
    batch = SimpleNamespace(global_size=8, world_size=1, sequence_parallel_size=1)
    spec = SimpleNamespace(gpu_bytes=gpu_gib * GIB, model=SimpleNamespace(vision=family.vision))
    ready = SimpleNamespace(run=spec, plan=SimpleNamespace(batch=batch))
    return SimpleNamespace(ready=ready, model=shape, run=run, row=row)


@pytest.mark.parametrize(("model", "square"), [("Qwen2-VL-2B", "28*28"), ("Qwen3-VL-2B", "32*32")])
def test_pictures_are_shrunk_in_the_familys_own_squares(model: str, square: str) -> None:
    choices = fitting(outlook(model, 16384, 24), has_deepspeed=False)
    assert choices
    assert choices[0].settings["pixels.max"].split("*", 1)[1] == square


def test_tiles_are_not_limited_in_pixels() -> None:
    choices = fitting(outlook("InternVL3-2B", 16384, 30), has_deepspeed=False)
    assert not any(one.startswith("pixels") for choice in choices for one in choice.settings)
