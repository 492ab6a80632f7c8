"""Files that the examples of Slurm name."""

from __future__ import annotations

from pathlib import Path

SBATCH = """#!/bin/sh
case "$*" in
*--partition=nope*)
    echo "sbatch: error: invalid partition specified: nope" >&2
    exit 1 ;;
*too-many-nodes*)
    echo "sbatch: error: Node count specification invalid" >&2
    exit 1 ;;
*too-many-cores*)
    echo "sbatch: error: More processors requested than permitted" >&2
    exit 1 ;;
*memory*)
    echo "sbatch: error: Memory specification can not be satisfied" >&2
    exit 1 ;;
*other*)
    echo "sbatch: error: Unspecified error" >&2
    exit 1 ;;
esac
"""


def lay_out_slurm(folder: Path) -> None:
    """A program that refuses a partition and some comments, and a file of secrets in two modes."""
    (folder / "one-partition").mkdir()
    sbatch = folder / "one-partition" / "sbatch"
    sbatch.write_text(SBATCH)
    sbatch.chmod(0o755)
    for name, mode in (("open.env", 0o644), ("private.env", 0o600)):
        (folder / name).write_text("HF_TOKEN=x\n")
        (folder / name).chmod(mode)
