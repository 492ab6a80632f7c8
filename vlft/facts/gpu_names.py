"""GPUs by description: `8xA100-80G`, `2x24G`."""

from __future__ import annotations

import re

from vlft.errors import UsageError

_GIB = 1024**3
_TEXT = re.compile(
    r"(?:(?P<count>\d{1,9})\s*[x*]\s*)?(?P<name>[a-z0-9][a-z0-9 _-]*)", re.IGNORECASE
)
_SIZE = re.compile(r"([1-9]\d{0,3})G")
_MOST_GPUS = 1024

MEMORY_GIB = {
    "T4": 16, "L4": 24, "L40": 48, "L40S": 48, "A10": 24, "A10G": 24, "A30": 24, "A40": 48,
    "A6000": 48, "A100-40G": 40, "A100-80G": 80, "A800-80G": 80, "V100-16G": 16, "V100-32G": 32,
    "H20-96G": 96, "H20-141G": 141, "H100-80G": 80, "H100-94G": 94, "H800-80G": 80,
    "H200-141G": 141, "GH200-96G": 96, "B200-180G": 180, "B300-270G": 270, "RTX3090": 24,
    "RTX4090": 24, "RTX5090": 32, "RTX6000-ADA": 48, "RTXPRO6000": 96,
}  # fmt: skip
"""Name → nominal memory. A driver reports a few per cent less or more; `here` measures."""

# A name without a size stands for the version that is meant most often.
_SHORT = {
    "H100": "H100-80G", "H200": "H200-141G", "H800": "H800-80G", "A800": "A800-80G",
    "B200": "B200-180G", "B300": "B300-270G", "GH200": "GH200-96G", "3090": "RTX3090",
    "4090": "RTX4090", "5090": "RTX5090", "RTXA6000": "A6000",
}  # fmt: skip


def read_description(text: str) -> tuple[int, str, int]:
    """Number of GPUs, name, and bytes of memory of each.

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
    name, gibibytes = _one(_plain(match["name"]), text)
    return count, name, gibibytes * _GIB


def _one(wanted: str, text: str) -> tuple[str, int]:
    """Name and GiB of one GPU."""
    size = _SIZE.fullmatch(wanted)
    if size is not None:
        return wanted, int(size[1])
    for name, gibibytes in MEMORY_GIB.items():
        plain = _plain(name)
        sized = plain if "-" in name else f"{plain}{gibibytes}G"  # RTX4090-24G is a RTX4090
        if wanted in (plain, sized, sized.removesuffix("G")):
            return name, gibibytes
    if wanted in _SHORT:
        return _SHORT[wanted], MEMORY_GIB[_SHORT[wanted]]
    versions = [name for name in MEMORY_GIB if name.startswith(f"{wanted}-")]
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
    known = ", ".join(MEMORY_GIB)
    return UsageError(
        f"--hardware {text}: vlft does not know this GPU",
        f"write here, none, its memory (4x24G), or one of these: {known}",
    )
