"""GPUs by description: `8xA100-80G`, `2x24G`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeAlias

from vlft.errors import UsageError

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


_GIB = 1024**3
_TEXT = re.compile(
    r"(?:(?P<count>\d{1,9})\s*[x*]\s*)?(?P<name>[a-z0-9][a-z0-9 _-]*)", re.IGNORECASE
)
_SIZE = re.compile(r"([1-9]\d{0,3})G")
_MOST_GPUS = 1024

# A name without a size stands for the version that is meant most often.
_SHORT = {
    "H100": "H100-80G", "H200": "H200-141G", "H800": "H800-80G", "A800": "A800-80G",
    "B200": "B200-180G", "B300": "B300-270G", "GH200": "GH200-96G", "3090": "RTX3090",
    "4090": "RTX4090", "5090": "RTX5090", "RTXA6000": "A6000",
}  # fmt: skip


def read_description(text: str) -> tuple[int, Accelerator]:
    """Number of GPUs, and what each of them is.

    Args:
        text: `[COUNTx]NAME` or `[COUNTx]SIZEG`.

    Raises:
        UsageError: If the name is unknown, or which version of it is meant.
    """
    match = _TEXT.fullmatch(text.strip())
    if match is None:
        raise _unknown(text)
    count = int(match["count"] or 1)
    if not 1 <= count <= _MOST_GPUS:
        raise UsageError(f"--hardware {text}: {count} GPUs", f"write 1 to {_MOST_GPUS}")
    return count, _one(_plain(match["name"]), text)


def _one(wanted: str, text: str) -> Accelerator:
    """The GPU of one plain name."""
    size = _SIZE.fullmatch(wanted)
    if size is not None:
        return Accelerator(wanted, int(size[1]), int(size[1]) * _GIB, None)
    for name, known in ACCELERATORS.items():
        plain = _plain(name)
        sized = plain if "-" in name else f"{plain}{known.gibibytes}G"  # RTX4090-24G is a RTX4090
        if wanted in (plain, sized, sized.removesuffix("G")):
            return known
    if wanted in _SHORT:
        return ACCELERATORS[_SHORT[wanted]]
    versions = [name for name in ACCELERATORS if name.startswith(f"{wanted}-")]
    if versions:
        raise UsageError(
            f"--hardware {text}: {wanted} comes in more than one size",
            "write " + " or ".join(versions),
        )
    raise _unknown(text)


def _plain(name: str) -> str:
    """`A100-80GB`, `A100_80G` and `a100 80GiB` are one name."""
    return re.sub(r"(?<=\d)GI?B$", "G", re.sub(r"[ _-]", "", name.upper()))


def _unknown(text: str) -> UsageError:
    known = ", ".join(ACCELERATORS)
    return UsageError(
        f"--hardware {text}: vlft does not know this GPU",
        f"write here, none, its memory (4x24G), or one of these: {known}",
    )
