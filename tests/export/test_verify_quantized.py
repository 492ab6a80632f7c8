"""A quantised folder holds what its config claims: types, sizes, every weight."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.weight_files import Tensor, matrix, tensor, write_model

from vlft.export.verify import check_quantized
from vlft.probe.checkpoint import read_checkpoint

ROWS, COLUMNS = 64, 128
UP, NORM = "model.layers.0.mlp.up_proj", "model.norm.weight"
SOURCE: dict[str, Tensor] = {
    f"{UP}.weight": tensor(matrix(ROWS, COLUMNS, 1)),
    NORM: ("F32", (8,), [1.0] * 8),
}


def zeros(dtype: str, *shape: int) -> Tensor:
    count = 1
    for size in shape:
        count *= size
    return dtype, shape, [0] * count


BNB8 = {"load_in_8bit": True, "load_in_4bit": False, "quant_method": "bitsandbytes"}
BNB4 = {"load_in_8bit": False, "load_in_4bit": True, "quant_method": "bitsandbytes"}
WAYS: dict[tuple[str, int], tuple[dict[str, Any], dict[str, Tensor]]] = {
    ("bnb", 8): (
        BNB8,
        {f"{UP}.weight": zeros("I8", ROWS, COLUMNS), f"{UP}.SCB": zeros("F32", ROWS)},
    ),
    ("bnb", 4): (
        BNB4,
        {
            f"{UP}.weight": zeros("U8", ROWS * COLUMNS // 2, 1),
            f"{UP}.weight.absmax": zeros("U8", ROWS * COLUMNS // 64),
            f"{UP}.weight.quant_state.bitsandbytes__nf4": zeros("U8", 90),
        },
    ),
    ("gptq", 4): (
        {"quant_method": "gptq", "bits": 4},
        {f"{UP}.qweight": zeros("I32", COLUMNS * 4 // 32, ROWS)},
    ),
    ("gptq", 3): (
        {"quant_method": "gptq", "bits": 3},
        {f"{UP}.qweight": zeros("I32", COLUMNS * 3 // 32, ROWS)},
    ),
    ("awq", 4): (
        {"quant_method": "awq", "bits": 4},
        {f"{UP}.qweight": zeros("I32", COLUMNS, ROWS * 4 // 32)},
    ),
}


def check(folder: Path, way: tuple[str, int], tensors: dict[str, Tensor], config: Any) -> list[str]:
    source = write_model(folder / "source", SOURCE)
    made = write_model(folder / "made", tensors, {"quantization_config": config})
    count, problems = check_quantized(read_checkpoint(made), read_checkpoint(source), *way)
    assert count == 1 or problems
    return problems


@pytest.mark.parametrize("way", WAYS)
def test_every_methods_layout_is_known(way: tuple[str, int], tmp_path: Path) -> None:
    config, tensors = WAYS[way]
    whole = tensors | {NORM: SOURCE[NORM]}
    assert check(tmp_path, way, whole, config) == []
    assert any("is missing" in said for said in check(tmp_path, way, tensors, config))


@pytest.mark.parametrize("way", WAYS)
def test_weights_of_another_size_are_not_these_weights(
    way: tuple[str, int], tmp_path: Path
) -> None:
    config, tensors = WAYS[way]
    halves = {
        name: zeros(dtype, shape[0] // 2, *shape[1:]) if shape[0] > 1 else (dtype, shape, values)
        for name, (dtype, shape, values) in tensors.items()
    }
    assert check(tmp_path, way, halves | {NORM: SOURCE[NORM]}, config)


def test_a_claim_that_the_tensors_do_not_keep(tmp_path: Path) -> None:
    said = check(tmp_path, ("bnb", 8), SOURCE, BNB8)
    assert "none of its weights is quantised" in said
    config, tensors = WAYS["bnb", 4]
    said = check(tmp_path, ("bnb", 8), tensors | {NORM: SOURCE[NORM]}, config)
    assert any("says 4 bits, not 8" in line for line in said)
    said = check(tmp_path, ("gptq", 4), tensors | {NORM: SOURCE[NORM]}, config)
    assert any("not gptq" in line for line in said)
