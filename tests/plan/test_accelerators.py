"""What GPUs hold and compute with."""

from __future__ import annotations

import pytest

from vlft.facts.gpu_names import MEMORY_GIB
from vlft.plan.accelerators import accelerator


@pytest.mark.parametrize("name", MEMORY_GIB)
def test_every_name_is_known_and_holds_about_what_it_says(name):
    found = accelerator(name)
    assert found is not None
    assert 0.93 < found.memory_bytes / (MEMORY_GIB[name] * 1024**3) < 1.03


@pytest.mark.parametrize(
    ("name", "bf16", "fp8", "flash"),
    [
        ("T4", False, False, False),
        ("V100-32G", False, False, False),
        ("A100-80G", True, False, True),
        ("RTX3090", True, False, True),
        ("L40S", True, True, True),
        ("H200-141G", True, True, True),
    ],
)
def test_abilities(name, bf16, fp8, flash):
    found = accelerator(name)
    assert found is not None
    assert (found.bf16, found.fp8, found.flash_attention_2) == (bf16, fp8, flash)


def test_an_unknown_name():
    assert accelerator("Voodoo2") is None
