"""The types that a run computes in are those that ms-swift 4.6 arrived at."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vlft.pipeline import Rejected, resolve_config
from vlft.resolve.run import Precision

GPU, CPU = "[0]", "none"


@pytest.mark.parametrize(
    ("dtype", "gpus", "swift", "expected"),
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
    dtype: str | None, gpus: str, swift: dict[str, object], expected: Precision, tmp_path: Path
) -> None:
    file = tmp_path / "c.yaml"
    model = {"path": "Qwen/Qwen2-VL-2B-Instruct", "torch_dtype": dtype}
    sections = {"model": model, "data": {"train": ["a.jsonl"]}, "swift": swift}
    file.write_text(json.dumps(sections))
    run = resolve_config(file, [f"launch.gpus={gpus}"])
    assert not isinstance(run, Rejected)
    assert run.precision == expected
