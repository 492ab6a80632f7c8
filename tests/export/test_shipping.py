"""What an export takes: the whole base, unquantised, in the type that it is loaded in."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.weight_files import matrix, tensor, write_model

from vlft.export.plan import needs
from vlft.probe.checkpoint import Checkpoint, read_checkpoint
from vlft.resolve.quantization import Quantization

ONE_GB = 1_000_000_000


@pytest.fixture
def model(tmp_path: Path) -> Checkpoint:
    tensors = {
        "a.weight": tensor(matrix(100, 50, 1), "BF16"),
        "b.weight": ("BF16", (10,), [0] * 10),
    }
    return read_checkpoint(write_model(tmp_path / "model", tensors, {"torch_dtype": "bfloat16"}))


SMALL_FILES = 50_000_000


def test_a_merge_writes_the_base_once_more(model: Checkpoint) -> None:
    found = needs(model, merge=True, quantization=None, torch_dtype=None, gpu=False)
    assert found.disk == 5010 * 2 + SMALL_FILES
    assert found.host - ONE_GB == 5010 * 2 + 2 * 5000 * 4
    wide = needs(model, merge=True, quantization=None, torch_dtype="float32", gpu=False)
    assert wide.disk == 5010 * 4 + SMALL_FILES, "loaded in float32, it is written in float32"


def test_quantised_weights_come_on_top(model: Checkpoint) -> None:
    four, eight = (
        needs(
            model,
            merge=True,
            quantization=Quantization("bnb", bits, ""),
            torch_dtype=None,
            gpu=False,
        )
        for bits in (4, 8)
    )
    merged = 5010 * 2 + SMALL_FILES
    assert SMALL_FILES < four.disk - merged < eight.disk - merged < merged
    only = needs(
        model, merge=False, quantization=Quantization("bnb", 8, ""), torch_dtype=None, gpu=False
    )
    assert only.disk == eight.disk - merged
