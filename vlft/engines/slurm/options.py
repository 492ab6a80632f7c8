"""Options of sbatch: which keys own them, which vlft writes itself, and how they are written."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from vlft.errors import VlftError

if TYPE_CHECKING:
    from vlft.engines.slurm.section import Slurm
    from vlft.resolve.world import World

KEY_OF = {
    "--nodes": "launch.nnodes", "-N": "launch.nnodes",
    "--gpus": "launch.gpus", "-G": "launch.gpus", "--gpus-per-node": "launch.gpus",
    "--gpus-per-task": "launch.gpus",
    "--partition": "slurm.partition", "-p": "slurm.partition",
    "--account": "slurm.account", "-A": "slurm.account",
    "--qos": "slurm.qos", "-q": "slurm.qos",
    "--time": "slurm.time", "-t": "slurm.time",
    "--constraint": "slurm.constraint", "-C": "slurm.constraint",
    "--exclude": "slurm.exclude", "-x": "slurm.exclude",
    "--reservation": "slurm.reservation",
    "--dependency": "slurm.dependency", "-d": "slurm.dependency",
    "--cpus-per-task": "slurm.cpus_per_task", "-c": "slurm.cpus_per_task",
    "--mem": "slurm.mem",
    "--gres": "slurm.gres",
    "--comment": "slurm.comment",
    "--requeue": "slurm.requeue", "--no-requeue": "slurm.requeue",
    "--signal": "slurm.signal_seconds",
}  # fmt: skip
"""Option → the key that owns it."""

_TASKS = "one task a node starts all its processes"
_NAME = "the run's id is the job's name"
_LOG = "the log lies in the run's folder"
_ARRAY = "several configs make an array: vlft train A.yaml B.yaml"
_CHDIR = "the job starts where vlft train was called"
_WAIT = "vlft runs logs -f waits"

DECIDED = {
    "--ntasks": _TASKS, "-n": _TASKS, "--ntasks-per-node": _TASKS,
    "--job-name": _NAME, "-J": _NAME,
    "--output": _LOG, "-o": _LOG, "--error": _LOG, "-e": _LOG,
    "--open-mode": "a job that begins again goes on in the same log",
    "--array": _ARRAY, "-a": _ARRAY,
    "--chdir": _CHDIR, "-D": _CHDIR,
    "--wait": _WAIT, "-W": _WAIT,
    "--wrap": "it writes the script",
    "--parsable": "it reads the job's id",
    "--test-only": "vlft validate asks the cluster",
}  # fmt: skip
"""Option → why vlft alone writes it."""

TOLD_BY = {
    "partition": "partition",
    "time": "time",
    "feature": "constraint",
    "reservation": "reservation",
    "account": "account",
    "qos": "qos",
    "gres": "gres",
    "memory": "mem",
    "dependency": "dependency",
}
"""A word in sbatch's refusal → the key under `slurm:` that it is likely about."""


CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
"""What a line of sbatch can't hold."""

SIGNAL_SECONDS: Final = 120
"""How long before its time limit a job that begins again is told, if the config is silent."""

_PLAIN: Final = (
    "partition", "account", "qos", "time", "constraint", "exclude", "reservation", "dependency",
    "cpus_per_task", "mem", "gres", "comment",
)  # fmt: skip


def sbatch_options(slurm: Slurm, world: World) -> tuple[str, ...]:
    """`--name=value` each; the user's own ones last, so that they win.

    Args:
        slurm: The section.
        world: Nodes, and GPUs of each.
    """
    options = [f"--nodes={world.nnodes}", "--ntasks-per-node=1"]
    if world.gpus_per_node:
        options.append(f"--gpus-per-node={world.gpus_per_node}")
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


def directive(option: str) -> str:
    """An `#SBATCH` line for `--name=value` or `--flag`.

    sbatch reads quotes and backslashes by rules of its own, and expands nothing
    (slurm: sbatch/opt.c).

    Raises:
        VlftError: If the value can't stand in one line.
    """
    if CONTROL.search(option):
        raise VlftError(
            f"{option.partition('=')[0]}: a line of sbatch can't hold a line break or a control "
            "character",
        )
    name, equals, value = option.partition("=")
    if not equals:
        return f"#SBATCH {option}"
    if not re.fullmatch(r"[\w%@:/.,+-]+", value, re.ASCII):
        value = '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return f"#SBATCH {name}={value}"


def file_pattern(folder: str, name: str) -> str:
    """A file of a folder for --output, in which `%` begins a placeholder and `%%` is a percent.

    Args:
        folder: Taken literally.
        name: May have placeholders: `slurm-%j.out`.

    Raises:
        VlftError: If sbatch has no way to write that folder.
    """
    if "\\" in folder:
        raise VlftError(
            f"sbatch can't write into a folder with a backslash in its name: {folder}",
            "choose another output_dir",
        )
    return folder.replace("%", "%%") + "/" + name
