"""What a config asks of Slurm, as options of sbatch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from vlft.config.schedulers import Slurm

SIGNAL_SECONDS: Final = 120
"""How long before its time limit a job that begins again is told, if the config is silent."""

_PLAIN: Final = (
    "partition", "account", "qos", "time", "constraint", "exclude", "reservation", "dependency",
    "cpus_per_task", "mem", "gres", "comment",
)  # fmt: skip


def sbatch_options(slurm: Slurm | None, nnodes: int, gpus: int | None) -> tuple[str, ...]:
    """`--name=value` each; the user's own ones last, so that they win.

    Args:
        slurm: The section; None if there is none.
        nnodes: Nodes.
        gpus: GPUs of each; None or 0 asks for none.
    """
    options = [f"--nodes={nnodes}", "--ntasks-per-node=1"]
    if gpus:
        options.append(f"--gpus-per-node={gpus}")
    if slurm is None:
        return (*options, "--no-requeue")
    for name in _PLAIN:
        value = getattr(slurm, name)
        if value is not None:
            options.append(f"--{name.replace('_', '-')}={value}")
    if slurm.requeue:
        # B: to the batch shell alone; torchrun would die of it.
        options += ["--requeue", f"--signal=B:USR1@{slurm.signal_seconds or SIGNAL_SECONDS}"]
    else:
        options.append("--no-requeue")
    return (*options, *slurm.extra)
