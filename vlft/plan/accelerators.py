"""What GPUs hold and compute with.

Memory is what nvidia-smi shows as memory.total (ECC on where it is by default), which is a few
per cent less than the name says; drivers differ by some MiB. Compute capabilities are NVIDIA's
list (developer.nvidia.com/cuda-gpus). From them follow bfloat16 (8.0 and later), FP8 (8.9 and
later) and FlashAttention 2 (8.0 and later: Ampere, Ada, Hopper, in its README).
"""

from __future__ import annotations

from dataclasses import dataclass

from vlft.facts.gpu_names import MEMORY_GIB

_MIB = 1024**2
_GIB = 1024**3
_BF16 = _FLASH = (8, 0)
_FP8 = (8, 9)

# Name as in vlft.facts.gpu_names → MiB by nvidia-smi, compute capability.
_KNOWN = {
    "T4": (15_360, (7, 5)),
    "V100-16G": (16_384, (7, 0)),
    "V100-32G": (32_768, (7, 0)),
    "A10": (23_028, (8, 6)),
    "A10G": (23_028, (8, 6)),
    "A30": (24_576, (8, 0)),
    "A40": (46_068, (8, 6)),
    "A6000": (49_140, (8, 6)),
    "A100-40G": (40_960, (8, 0)),
    "A100-80G": (81_920, (8, 0)),
    "A800-80G": (81_920, (8, 0)),
    "RTX3090": (24_576, (8, 6)),
    "L4": (23_034, (8, 9)),
    "L40": (46_068, (8, 9)),
    "L40S": (46_068, (8, 9)),
    "RTX4090": (24_564, (8, 9)),
    "RTX6000-ADA": (49_140, (8, 9)),
    "H20-96G": (97_871, (9, 0)),
    "H100-80G": (81_559, (9, 0)),
    "H100-94G": (95_830, (9, 0)),
    "H800-80G": (81_559, (9, 0)),
    "GH200-96G": (97_871, (9, 0)),
    "H200-141G": (143_771, (9, 0)),
    "B200-180G": (183_359, (10, 0)),
    "RTX5090": (32_607, (12, 0)),
    "RTXPRO6000": (97_887, (12, 0)),
}


@dataclass(frozen=True, slots=True)
class Accelerator:
    """One kind of GPU.

    Attributes:
        name: As `--hardware` names it.
        memory_bytes: Usable, as nvidia-smi shows it.
        capability: CUDA compute capability; None for a GPU that only its size is known of.
        bf16, fp8, flash_attention_2: What it can; None where the capability is unknown.
    """

    name: str
    memory_bytes: int
    capability: tuple[int, int] | None
    bf16: bool | None
    fp8: bool | None
    flash_attention_2: bool | None


def accelerator(name: str) -> Accelerator | None:
    """The GPU of a name of vlft.facts.gpu_names, or None."""
    if name in _KNOWN:
        mebibytes, capability = _KNOWN[name]
        return Accelerator(
            name,
            mebibytes * _MIB,
            capability,
            bf16=capability >= _BF16,
            fp8=capability >= _FP8,
            flash_attention_2=capability >= _FLASH,
        )
    if name in MEMORY_GIB:
        return Accelerator(name, MEMORY_GIB[name] * _GIB, None, None, None, None)
    return None
