"""What GPUs hold and compute with."""

from __future__ import annotations

import pytest

from vlft.probe.hardware import ACCELERATORS, BFLOAT16, FLASH_ATTENTION_2, FP8, parse_hardware


@pytest.mark.parametrize("name", ACCELERATORS)
def test_a_name_holds_about_what_it_says(name: str) -> None:
    found = parse_hardware(f"2x{name}")
    assert found is not None
    assert [gpu.name for gpu in found.gpus] == [name, name]
    assert 0.93 < found.gpus[0].memory_bytes / (ACCELERATORS[name].gibibytes * 1024**3) < 1.03


@pytest.mark.parametrize(
    ("name", "bfloat16", "fp8", "flash"),
    [
        ("T4", False, False, False),
        ("V100-32G", False, False, False),
        ("A100-80G", True, False, True),
        ("RTX3090", True, False, True),
        ("L40S", True, True, True),
        ("H200", True, True, True),
        ("24G", True, True, True),  # unknown: nothing is said against it
    ],
)
def test_abilities(name: str, bfloat16: bool, fp8: bool, flash: bool) -> None:
    found = parse_hardware(name)
    assert found is not None
    (gpu,) = found.gpus
    lacking = [gpu.lacks(ability) for ability in (BFLOAT16, FP8, FLASH_ATTENTION_2)]
    assert lacking == [not bfloat16, not fp8, not flash]
