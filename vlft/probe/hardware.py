"""The machine: its GPUs, cores and memory, and the GPUs that a process may see."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vlft.environment import ENVIRON
from vlft.probe.gpus import read_description

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from vlft.probe.gpus import Capability

NVIDIA_SMI_SECONDS = 10
_QUERY = ("index", "name", "memory.total", "uuid")
_CAPABILITY = "compute_cap"  # a field since driver 510; older ones refuse the whole query
_MIB = 1024**2


@dataclass(frozen=True)
class Gpu:
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


@dataclass(frozen=True)
class Hardware:
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


def parse_hardware(text: str) -> Hardware | None:
    """The machine that `--hardware` describes, `8xA100-80G`; None for `none`.

    Raises:
        UsageError: If it names no GPU that is known; the known ones are listed.
    """
    if text.strip().lower() == "none":
        return None
    count, kind = read_description(text)
    gpus = tuple(
        Gpu(index, kind.name, kind.memory_bytes, None, kind.capability) for index in range(count)
    )
    return Hardware(gpus, cores=0, memory_bytes=0)


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
    text = _ask(program, (*_QUERY, _CAPABILITY))
    if text == "":
        text = _ask(program, _QUERY)
    gpus = (_gpu(row) for row in csv.reader((text or "").splitlines(), skipinitialspace=True))
    return tuple(gpu for gpu in gpus if gpu is not None)


def _ask(program: str, fields: tuple[str, ...]) -> str | None:
    """What nvidia-smi prints; empty if it refuses, None if it can't be run or does not end."""
    try:
        done = subprocess.run(
            [program, f"--query-gpu={','.join(fields)}", "--format=csv,noheader,nounits"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=NVIDIA_SMI_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else ""


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
    if hasattr(os, "sched_getaffinity"):
        allowed = len(os.sched_getaffinity(0))
    else:
        allowed = os.cpu_count() or 1
    quota = cpu_quota()
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
