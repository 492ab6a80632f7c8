"""The machine: its GPUs, cores and memory, and the GPUs that a process may see.

Or one that is described: `8xA100-80G`, `2x24G`.
"""

from __future__ import annotations

import csv
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from msgspec import Struct

from vlft.environment import ENVIRON
from vlft.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Capability: TypeAlias = tuple[int, int]
"""NVIDIA's compute capability, (8, 0) for an A100."""

BFLOAT16: Capability = (8, 0)
"""bfloat16 and TF32 from here on; before, torch emulates the one and lacks the other."""
FLASH_ATTENTION_2: Capability = (8, 0)
"""FlashAttention 2 from here on: Ampere, Ada, Hopper (its README)."""
FP8: Capability = (8, 9)
"""FP8 from here on."""

NVIDIA_SMI_SECONDS = 10
_QUERY = ("index", "name", "memory.total", "uuid")
_CAPABILITY = "compute_cap"  # a field since driver 510; older ones refuse the whole query
_MIB = 1024**2


class Gpu(Struct, frozen=True):
    """One GPU.

    Attributes:
        index: nvidia-smi's, by PCI bus.
        name: `NVIDIA H200`.
        memory_bytes: Total, used or not; 0 if it is unknown (shared with the CPU, a slice).
        uuid: `GPU-…`; None for a described one.
        capability: None where it is unknown.
    """

    index: int
    name: str
    memory_bytes: int
    uuid: str | None
    capability: Capability | None = None

    def lacks(self, needed: Capability) -> bool:
        """Whether it is known to be older than what computes something."""
        return self.capability is not None and self.capability < needed


class Hardware(Struct, frozen=True):
    """One machine.

    Attributes:
        gpus: All that are in it, visible or not.
        cores: That this process may use; 0 for a described machine: unknown.
        memory_bytes: Main memory, or the container's limit; 0 for a described machine.
    """

    gpus: tuple[Gpu, ...]
    cores: int
    memory_bytes: int


def probe_hardware(*, environ: Mapping[str, str] = ENVIRON) -> Hardware:
    """This machine. Without nvidia-smi, or where it fails, it has no GPU."""
    return Hardware(_probe_gpus(environ), _cores(), _memory())


def visible_gpus(hardware: Hardware, environ: Mapping[str, str]) -> tuple[Gpu, ...]:
    """The GPUs that CUDA_VISIBLE_DEVICES leaves, in its order.

    CUDA's own reading: indices or starts of UUIDs; the first entry that is neither ends the
    list; a GPU named twice leaves none; set but empty, there are none. A slice (`MIG-…`) is
    taken as it is, with its memory unknown: nvidia-smi's query does not list slices.
    """
    text = environ.get("CUDA_VISIBLE_DEVICES")
    if text is None:
        return hardware.gpus
    chosen: list[Gpu] = []
    for entry in text.split(","):
        found = _gpu_named(entry.strip(), hardware.gpus)
        if found is None:
            break
        if found in chosen:
            return ()
        chosen.append(found)
    return tuple(chosen)


def free_bytes(path: Path) -> int | None:
    """Bytes free for this user where a folder is, or will be; None if nobody can tell."""
    for place in (path, *path.parents):
        if os.path.isdir(place):  # noqa: PTH112  a name may be too long
            try:
                return shutil.disk_usage(place).free
            except OSError:
                return None
    return None


def _gpu_named(entry: str, gpus: tuple[Gpu, ...]) -> Gpu | None:
    if entry.isascii() and entry.isdigit():
        return next((gpu for gpu in gpus if gpu.index == int(entry)), None)
    if entry.startswith("MIG-") and gpus:
        return Gpu(gpus[0].index, "MIG slice", 0, entry)
    if not entry.startswith("GPU-"):
        return None
    matches = [gpu for gpu in gpus if gpu.uuid is not None and gpu.uuid.startswith(entry)]
    return matches[0] if len(matches) == 1 else None


def _probe_gpus(environ: Mapping[str, str]) -> tuple[Gpu, ...]:
    program = shutil.which("nvidia-smi", path=environ.get("PATH", ""))
    if program is None:
        return ()
    for fields in ((*_QUERY, _CAPABILITY), _QUERY):
        try:
            done = subprocess.run(
                [program, f"--query-gpu={','.join(fields)}", "--format=csv,noheader,nounits"],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=NVIDIA_SMI_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return ()
        if done.returncode == 0:
            lines = done.stdout.decode("utf-8", "replace").splitlines()
            return tuple(filter(None, map(_gpu, csv.reader(lines, skipinitialspace=True))))
    return ()


def _gpu(row: list[str]) -> Gpu | None:
    """One line of nvidia-smi; None for a message among the lines."""
    if len(row) < len(_QUERY) or not row[0].strip().isdigit():
        return None
    index, name, mebibytes, uuid, *rest = (cell.strip() for cell in row)
    memory = int(mebibytes) * _MIB if mebibytes.isdigit() else 0  # [N/A] on shared memory
    return Gpu(
        int(index),
        name,
        memory,
        uuid if uuid.startswith("GPU-") else None,
        _capability(rest[0]) if rest else None,
    )


def _capability(text: str) -> Capability | None:
    """`8.6` → (8, 6)."""
    major, _, minor = text.partition(".")
    return (int(major), int(minor)) if major.isdecimal() and minor.isdecimal() else None


def _cores() -> int:
    """Cores of the affinity mask, or of the container's quota where that is less."""
    allowed, quota = len(os.sched_getaffinity(0)), cpu_quota()
    return allowed if quota is None else max(1, min(allowed, int(quota)))


def _memory() -> int:
    """Main memory in bytes, or the container's limit where that is less."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = memory_limit()
    return total if limit is None else min(total, limit)


_ROOT = Path("/")


def cpu_quota(root: Path = _ROOT) -> float | None:
    """Cores' worth of CPU time; None if there is no limit.

    Args:
        root: Where /proc and /sys are.
    """
    quotas = []
    for folder in _folders(root, "cpu"):
        quota, _, period = _read(folder / "cpu.max").partition(" ")
        if not quota:
            quota, period = _read(folder / "cpu.cfs_quota_us"), _read(folder / "cpu.cfs_period_us")
        if quota.isdigit() and period.isdigit() and int(quota) > 0 and int(period) > 0:
            quotas.append(int(quota) / int(period))
    return min(quotas, default=None)


def memory_limit(root: Path = _ROOT) -> int | None:
    """Bytes; None if there is no limit (version 1 then says a number near 2**63)."""
    limits = [
        int(text)
        for folder in _folders(root, "memory")
        for text in (_read(folder / "memory.max"), _read(folder / "memory.limit_in_bytes"))
        if text.isdigit()
    ]
    return min(limits, default=None)


def _folders(root: Path, controller: str) -> Iterator[Path]:
    """This process's group and those above it: the smallest limit of all holds."""
    mounted = root / "sys/fs/cgroup"
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, group = rest.partition(":")
        if controllers and controller not in controllers.split(","):
            continue
        base = mounted / controller if controllers else mounted
        folder = base / group.lstrip("/")
        # Inside a container the path is the host's and does not exist: the mount is the group.
        yield base
        if ".." in folder.parts:
            continue
        while folder != base:
            yield folder
            folder = folder.parent


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""


class Accelerator(Struct, frozen=True):
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


def parse_hardware(text: str) -> Hardware | None:
    """The machine that `--hardware` describes, `[COUNTx]NAME` or `[COUNTx]SIZEG`; None for `none`.

    Raises:
        UsageError: If it names no GPU that is known, or not which version of it is meant.
    """
    if text.strip().lower() == "none":
        return None
    match = _TEXT.fullmatch(text.strip())
    if match is None:
        raise _unknown(text)
    count = int(match["count"] or 1)
    if not 1 <= count <= _MOST_GPUS:
        raise UsageError(f"--hardware {text}: {count} GPUs", f"write 1 to {_MOST_GPUS}")
    kind = _accelerator(_plain(match["name"]), text)
    gpus = tuple(
        Gpu(index, kind.name, kind.memory_bytes, None, kind.capability) for index in range(count)
    )
    return Hardware(gpus, cores=0, memory_bytes=0)


def _accelerator(wanted: str, text: str) -> Accelerator:
    """The GPU of one plain name."""
    size = _SIZE.fullmatch(wanted)
    if size is not None:
        return Accelerator(wanted, int(size[1]), int(size[1]) * 1024 * _MIB, None)
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
