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


_KNOWN = (
    Accelerator("T4", 16, 15_360 * _MIB, (7, 5)),
    Accelerator("V100-16G", 16, 16_384 * _MIB, (7, 0)),
    Accelerator("V100-32G", 32, 32_768 * _MIB, (7, 0)),
    Accelerator("A10", 24, 23_028 * _MIB, (8, 6)),
    Accelerator("A10G", 24, 23_028 * _MIB, (8, 6)),
    Accelerator("A30", 24, 24_576 * _MIB, (8, 0)),
    Accelerator("A40", 48, 46_068 * _MIB, (8, 6)),
    Accelerator("A6000", 48, 49_140 * _MIB, (8, 6)),
    Accelerator("A100-40G", 40, 40_960 * _MIB, (8, 0)),
    Accelerator("A100-80G", 80, 81_920 * _MIB, (8, 0)),
    Accelerator("A800-80G", 80, 81_920 * _MIB, (8, 0)),
    Accelerator("RTX3090", 24, 24_576 * _MIB, (8, 6)),
    Accelerator("L4", 24, 23_034 * _MIB, (8, 9)),
    Accelerator("L40", 48, 46_068 * _MIB, (8, 9)),
    Accelerator("L40S", 48, 46_068 * _MIB, (8, 9)),
    Accelerator("RTX4090", 24, 24_564 * _MIB, (8, 9)),
    Accelerator("RTX6000-ADA", 48, 49_140 * _MIB, (8, 9)),
    Accelerator("H20-96G", 96, 97_871 * _MIB, (9, 0)),
    Accelerator("H20-141G", 141, 143_771 * _MIB, (9, 0)),
    Accelerator("H100-80G", 80, 81_559 * _MIB, (9, 0)),
    Accelerator("H100-94G", 94, 95_830 * _MIB, (9, 0)),
    Accelerator("H800-80G", 80, 81_559 * _MIB, (9, 0)),
    Accelerator("GH200-96G", 96, 97_871 * _MIB, (9, 0)),
    Accelerator("H200-141G", 141, 143_771 * _MIB, (9, 0)),
    Accelerator("B200-180G", 180, 183_359 * _MIB, (10, 0)),
    Accelerator("B300-270G", 270, 270 * 1024 * _MIB, (10, 3)),
    Accelerator("RTX5090", 32, 32_607 * _MIB, (12, 0)),
    Accelerator("RTXPRO6000", 96, 97_887 * _MIB, (12, 0)),
)
ACCELERATORS = {known.name: known for known in _KNOWN}
"""By name; the memory is the one that nvidia-smi shows."""

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
