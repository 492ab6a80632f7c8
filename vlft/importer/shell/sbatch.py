"""`#SBATCH` lines: what Slurm will tell a script in its variables."""

from __future__ import annotations

import re
from typing import Final

_LINE: Final = re.compile(r"^#SBATCH[ \t]+(.+)$", re.MULTILINE)
_OPTION: Final = re.compile(r"(--[a-z-]+|-[A-Za-z])(?:=|[ \t]*)([^\s#]*)")
_TELLS: Final[dict[str, tuple[str, ...]]] = {
    "--nodes": ("SLURM_NNODES", "SLURM_JOB_NUM_NODES"),
    "-N": ("SLURM_NNODES", "SLURM_JOB_NUM_NODES"),
    "--ntasks-per-node": ("SLURM_NTASKS_PER_NODE",),
    "--cpus-per-task": ("SLURM_CPUS_PER_TASK",),
    "-c": ("SLURM_CPUS_PER_TASK",),
    "--gpus-per-node": ("SLURM_GPUS_PER_NODE", "SLURM_GPUS_ON_NODE"),
    "--gres": ("SLURM_GPUS_ON_NODE",),
}
_COUNT: Final = re.compile(r"(?:gpu:)?(?:[A-Za-z][\w.-]*:)?(\d{1,5})")


def told_by_slurm(text: str) -> dict[str, tuple[str, str]]:
    """Variables that the job gets, each with the option that says so.

    Only plain numbers are taken: `--nodes=2-4` leaves the number to Slurm.
    """
    made: dict[str, tuple[str, str]] = {}
    for line in _LINE.findall(text):
        found = _OPTION.match(line.strip())
        count = _COUNT.fullmatch(found[2]) if found is not None else None
        if found is None or count is None:
            continue
        for name in _TELLS.get(found[1], ()):
            made[name] = (count[1], f"#SBATCH {found[0].strip()}")
    return made
