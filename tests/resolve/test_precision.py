"""The types that a run computes in are those that ms-swift 4.6 arrived at."""

from __future__ import annotations

from typing import Any

import pytest

from vlft.config.schema import Config
from vlft.resolve.precision import Precision, resolve_precision
from vlft.resolve.world import World

GPU = World(1, 1, 1, "0", cpu=False)
CPU = World(1, 1, 0, "", cpu=True)


def config(dtype: str | None, **swift: object) -> Config:
    model: dict[str, Any] = {"path": "m", "torch_dtype": dtype}
    return Config.model_validate({"model": model, "data": {"train": ["a"]}, "swift": swift})


@pytest.mark.parametrize(
    ("dtype", "world", "swift", "expected"),
    [
        ("bfloat16", GPU, {}, Precision("bfloat16", fp16=False, bf16=True)),
        ("float16", GPU, {}, Precision("float16", fp16=True, bf16=False)),
        ("float32", GPU, {}, Precision("float32", fp16=True, bf16=False)),
        (None, GPU, {}, Precision(None, None, None)),
        ("float32", GPU, {"fp16": False}, Precision("float32", fp16=False, bf16=False)),
        ("float16", GPU, {"bf16": "true"}, Precision("float16", fp16=True, bf16=True)),
        (None, CPU, {}, Precision("float32", fp16=False, bf16=False)),
        ("bfloat16", CPU, {}, Precision("bfloat16", fp16=False, bf16=True)),
        ("float16", CPU, {}, Precision("float16", fp16=True, bf16=False)),
    ],
)
def test_the_types(
    dtype: str | None, world: World, swift: dict[str, object], expected: Precision
) -> None:
    assert resolve_precision(config(dtype, **swift), None, world) == expected
