"""GPUs by name: what they hold and compute with.

Memory is what nvidia-smi shows as memory.total (ECC on where it is by default), some per cent
less than the name says; drivers differ by some MiB. Compute capabilities are NVIDIA's list
(developer.nvidia.com/cuda-gpus).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

Capability: TypeAlias = tuple[int, int]
"""NVIDIA's compute capability, (8, 0) for an A100."""

BFLOAT16: Capability = (8, 0)
"""bfloat16 and TF32 from here on; before, torch emulates the one and lacks the other."""
FLASH_ATTENTION_2: Capability = (8, 0)
"""FlashAttention 2 from here on: Ampere, Ada, Hopper (its README)."""
FP8: Capability = (8, 9)
"""FP8 from here on."""

_MIB = 1024**2


@dataclass(frozen=True, slots=True)
class Accelerator:
    """One kind of GPU.

    Attributes:
        name: As `--hardware` names it.
        gibibytes: By its name.
        memory_bytes: Usable, as nvidia-smi shows it.
        capability: None for a GPU that only its size is known of.
    """

    name: str
    gibibytes: int
    memory_bytes: int
    capability: Capability | None


# Name → GiB by name, MiB by nvidia-smi, compute capability.
_KNOWN: dict[str, tuple[int, int, Capability]] = {
    "T4": (16, 15_360, (7, 5)),
    "V100-16G": (16, 16_384, (7, 0)),
    "V100-32G": (32, 32_768, (7, 0)),
    "A10": (24, 23_028, (8, 6)),
    "A10G": (24, 23_028, (8, 6)),
    "A30": (24, 24_576, (8, 0)),
    "A40": (48, 46_068, (8, 6)),
    "A6000": (48, 49_140, (8, 6)),
    "A100-40G": (40, 40_960, (8, 0)),
    "A100-80G": (80, 81_920, (8, 0)),
    "A800-80G": (80, 81_920, (8, 0)),
    "RTX3090": (24, 24_576, (8, 6)),
    "L4": (24, 23_034, (8, 9)),
    "L40": (48, 46_068, (8, 9)),
    "L40S": (48, 46_068, (8, 9)),
    "RTX4090": (24, 24_564, (8, 9)),
    "RTX6000-ADA": (48, 49_140, (8, 9)),
    "H20-96G": (96, 97_871, (9, 0)),
    "H20-141G": (141, 143_771, (9, 0)),
    "H100-80G": (80, 81_559, (9, 0)),
    "H100-94G": (94, 95_830, (9, 0)),
    "H800-80G": (80, 81_559, (9, 0)),
    "GH200-96G": (96, 97_871, (9, 0)),
    "H200-141G": (141, 143_771, (9, 0)),
    "B200-180G": (180, 183_359, (10, 0)),
    "B300-270G": (270, 270 * 1024, (10, 3)),
    "RTX5090": (32, 32_607, (12, 0)),
    "RTXPRO6000": (96, 97_887, (12, 0)),
}

ACCELERATORS = {
    name: Accelerator(name, gibibytes, mebibytes * _MIB, capability)
    for name, (gibibytes, mebibytes, capability) in _KNOWN.items()
}
"""By name."""
