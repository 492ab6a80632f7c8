"""What a container or a job allows this process: control groups, version 2 and 1."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

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
