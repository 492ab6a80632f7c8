"""GPUs by description: `8xA100-80G`, `2x24G`."""

from __future__ import annotations

import re

from vlft.errors import UsageError
from vlft.facts.accelerators import ACCELERATORS, Accelerator

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
