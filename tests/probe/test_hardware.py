"""The machine: nvidia-smi is played by a script, control groups are files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from support.waiting import HANG_S

from vlft.errors import UsageError
from vlft.probe import hardware as module
from vlft.probe.hardware import (
    Gpu,
    Hardware,
    cpu_quota,
    free_bytes,
    memory_limit,
    parse_hardware,
    probe_hardware,
    visible_gpus,
)

if TYPE_CHECKING:
    from pathlib import Path

GIB = 1024**3
MIB = 1024**2


def play_nvidia_smi(folder: Path, body: str) -> dict[str, str]:
    """An environment whose only program is this nvidia-smi."""
    program = folder / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o755)
    return {"PATH": str(folder)}


LINES = """\
echo '0, NVIDIA A100-SXM4-80GB, 81920, GPU-11111111-aaaa, 8.0'
echo '1, NVIDIA GB10, [N/A], GPU-22222222-bbbb, [N/A]'
echo 'WARNING: infoROM is corrupted at gpu 0000:00:1E.0'
"""


def test_gpus(tmp_path: Path) -> None:
    script = f'echo "$@" > "{tmp_path}/asked"\n{LINES}'
    found = probe_hardware(environ=play_nvidia_smi(tmp_path, script))
    assert found.gpus == (
        Gpu(0, "NVIDIA A100-SXM4-80GB", 81920 * MIB, "GPU-11111111-aaaa", (8, 0)),
        Gpu(1, "NVIDIA GB10", 0, "GPU-22222222-bbbb"),
    )
    asked = "--query-gpu=index,name,memory.total,uuid,compute_cap --format=csv,noheader,nounits\n"
    assert (tmp_path / "asked").read_text() == asked


def test_an_older_driver_has_no_field_for_the_capability(tmp_path: Path) -> None:
    body = """case "$1" in *compute_cap*) echo 'Field "compute_cap" is not valid'; exit 2;; esac
echo '0, Tesla V100-SXM2-32GB, 32768, GPU-11111111-aaaa'"""
    found = probe_hardware(environ=play_nvidia_smi(tmp_path, body))
    assert found.gpus == (Gpu(0, "Tesla V100-SXM2-32GB", 32768 * MIB, "GPU-11111111-aaaa"),)


def test_no_nvidia_smi(tmp_path: Path) -> None:
    found = probe_hardware(environ={"PATH": str(tmp_path)})
    assert found.gpus == ()
    assert 1 <= found.cores <= len(os.sched_getaffinity(0))
    assert 64 * MIB < found.memory_bytes < 2**60
    assert probe_hardware(environ={}).gpus == ()


@pytest.mark.parametrize(
    "body",
    [
        "echo 'NVIDIA-SMI has failed because it could not communicate with the driver'; exit 9",
        "echo 'No devices were found'",
        f"{LINES} exit 6",
    ],
)
def test_nvidia_smi_fails(tmp_path: Path, body: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "NVIDIA_SMI_SECONDS", HANG_S)
    environ = play_nvidia_smi(tmp_path, body)
    environ["PATH"] += ":/usr/bin:/bin"
    assert probe_hardware(environ=environ).gpus == ()


def test_nvidia_smi_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "NVIDIA_SMI_SECONDS", 0.3)
    environ = play_nvidia_smi(tmp_path, "exec sleep 3600")
    environ["PATH"] += ":/usr/bin:/bin"
    assert probe_hardware(environ=environ).gpus == ()


def test_nvidia_smi_for_another_processor(tmp_path: Path) -> None:
    (tmp_path / "nvidia-smi").write_bytes(b"\x7fELF")
    (tmp_path / "nvidia-smi").chmod(0o755)
    assert probe_hardware(environ={"PATH": str(tmp_path)}).gpus == ()


FOUR = Hardware(tuple(Gpu(i, "A", GIB, f"GPU-{i}{i}ab-cd") for i in range(4)), 8, GIB)


@pytest.mark.parametrize(
    ("text", "indices"),
    [
        (None, [0, 1, 2, 3]),
        ("", []),
        ("2", [2]),
        ("3, 1", [3, 1]),
        ("0,9,1", [0]),
        ("0,-1,1", [0]),
        ("-1", []),
        ("NoDevFiles", []),
        ("GPU-22ab-cd,GPU-00", [2, 0]),
        ("GPU-", []),  # four would do
        ("GPU-99", []),
        ("1,1", []),
        ("1,GPU-11", []),
        ("²", []),
        ("0,,1", [0]),
    ],
)
def test_visible(text: str | None, indices: list[int]) -> None:
    environ = {} if text is None else {"CUDA_VISIBLE_DEVICES": text}
    assert [gpu.index for gpu in visible_gpus(FOUR, environ)] == indices


def test_a_slice_is_visible_only_where_there_is_a_gpu() -> None:
    environ = {"CUDA_VISIBLE_DEVICES": "MIG-1234"}
    assert [gpu.uuid for gpu in visible_gpus(FOUR, environ)] == ["MIG-1234"]
    assert visible_gpus(Hardware((), 8, GIB), environ) == ()


@pytest.mark.parametrize(
    ("text", "count", "name"),
    [
        ("4xA100-80G", 4, "A100-80G"),
        ("4xA100-80GB", 4, "A100-80G"),
        (" 4 x a100_40g ", 4, "A100-40G"),
        ("2*A100-80", 2, "A100-80G"),
        ("8xH100", 8, "H100-80G"),
        ("H200", 1, "H200-141G"),
        ("2x24G", 2, "24G"),
        ("1x48GiB", 1, "48G"),
        ("V100-32G", 1, "V100-32G"),
        ("L4", 1, "L4"),
        ("L40S", 1, "L40S"),
        ("A10", 1, "A10"),
        ("4xA10G", 4, "A10G"),
        ("A6000", 1, "A6000"),
        ("RTX 4090", 1, "RTX4090"),
        ("RTX4090-24G", 1, "RTX4090"),
        ("3090", 1, "RTX3090"),
        ("T4", 1, "T4"),
        ("B200", 1, "B200-180G"),
    ],
)
def test_described(text: str, count: int, name: str) -> None:
    found = parse_hardware(text)
    assert found is not None
    assert [gpu.index for gpu in found.gpus] == list(range(count))
    assert {gpu.name for gpu in found.gpus} == {name}


def test_a_size_alone_is_so_many_bytes() -> None:
    found = parse_hardware("2x24G")
    assert found is not None
    assert [gpu.memory_bytes for gpu in found.gpus] == [24 * GIB] * 2


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("4xFOO", "does not know", "H200-141G"),
        ("", "does not know", "A100-40G"),
        ("x", "does not know", "T4"),
        ("A100-79G", "does not know", "A100-80G"),
        ("A100", "more than one size", "A100-40G or A100-80G"),
        ("0xH100", "0 GPUs", "1 to 1024"),
        ("99999xH100", "99999 GPUs", "1 to 1024"),
        ("9999999999999999xH100", "does not know", "H100"),
        ("0G", "does not know", "4x24G"),
        ("4x-80G", "does not know", "4x24G"),
    ],
)
def test_described_wrongly(text: str, message: str, hint: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        parse_hardware(text)
    assert hint in (caught.value.hint or "")


def test_free_bytes(tmp_path: Path) -> None:
    stat = os.statvfs(tmp_path)
    free = free_bytes(tmp_path / "not" / "yet" / "there")
    assert free is not None
    assert abs(free - stat.f_bavail * stat.f_frsize) < GIB
    assert free_bytes(tmp_path / ("x" * 5000)) is not None


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    return root


def test_cgroup_2_the_smallest_limit_above_holds(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        {
            "proc/self/cgroup": "0::/slurm/job_7/step",
            "sys/fs/cgroup/slurm/cpu.max": "max 100000",
            "sys/fs/cgroup/slurm/job_7/cpu.max": "350000 100000",
            "sys/fs/cgroup/slurm/job_7/step/cpu.max": "800000 100000",
            "sys/fs/cgroup/slurm/job_7/memory.max": str(4 * GIB),
            "sys/fs/cgroup/slurm/job_7/step/memory.max": "max",
        },
    )
    assert cpu_quota(root) == 3.5
    assert memory_limit(root) == 4 * GIB


def test_cgroup_1_inside_a_container(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        {
            "proc/self/cgroup": "5:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n0::/",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "200000",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": str(2 * GIB),
        },
    )
    assert cpu_quota(root) == 2
    assert memory_limit(root) == 2 * GIB


@pytest.mark.parametrize("text", ["-1", "0", "nonsense", ""])
def test_cgroup_without_a_limit(tmp_path: Path, text: str) -> None:
    root = write(
        tmp_path,
        {
            "proc/self/cgroup": "4:cpu:/../../escape\n0::/",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": text,
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
            "escape/cpu.cfs_quota_us": "1",
        },
    )
    assert cpu_quota(root) is None
    assert memory_limit(root) is None
    assert cpu_quota(tmp_path / "gone") is None
