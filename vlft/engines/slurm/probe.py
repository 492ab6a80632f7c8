"""What the cluster says of a job before it is submitted, and the file with its secrets."""

from __future__ import annotations

import re
import shutil
import stat
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vlft.engines.slurm.options import sbatch_options
from vlft.environment import environment_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from vlft.config.schema import Config

_SECONDS: Final = 20
# What is said where there is no cluster to ask, or none that answers.
_NO_CLUSTER: Final = re.compile(
    r"configuration source|fetch_config|Unable to contact|Unable to establish|timed out"
    r"|Connection refused|unable to resolve|slurm.conf",
    re.IGNORECASE,
)
_PREFIX: Final = re.compile(r"^(?:sbatch: )?(?:error: |fatal: |allocation failure: )*")


@dataclass(frozen=True)
class SlurmFacts:
    """What could be found out about a job.

    Attributes:
        refusal: Why the cluster would not take it, in sbatch's words; None if it would, or
            could not be asked.
        env_file: Absolute path of `slurm.env_file`; None without one.
        env_file_problem: Why it can't be used, as a clause; None if it can.
    """

    refusal: str | None
    env_file: Path | None
    env_file_problem: str | None


def read_slurm(
    config: Config, env_file: Path | None, gpus: int | None, environ: Mapping[str, str]
) -> SlurmFacts:
    """Asks the cluster and looks at the file; submits nothing.

    Args:
        config: One whose engine is slurm.
        env_file: Absolute path of `slurm.env_file`.
        gpus: GPUs of each node; None if that is not known.
        environ: The caller's environment: PATH and where Slurm's own settings are.
    """
    options = sbatch_options(config.slurm, config.launch.nnodes or 1, gpus)
    problem = None if env_file is None else _env_file_problem(env_file)
    return SlurmFacts(_refusal(options, environ), env_file, problem)


def gpus_asked_for(config: Config, visible: int | None) -> int | None:
    """GPUs of each node; None if that is not known, 0 for the CPU.

    Args:
        config: The config.
        visible: GPUs of the machine that it is judged for; None if it is judged for none.
    """
    gpus = config.launch.gpus
    if gpus == "none":
        return 0
    if gpus == "auto":
        return visible if visible is not None else config.launch.nproc_per_node
    return len(gpus) if isinstance(gpus, list) else gpus


def _refusal(options: Sequence[str], environ: Mapping[str, str]) -> str | None:
    sbatch = shutil.which("sbatch", path=environ.get("PATH", ""))
    if sbatch is None or any("\0" in option for option in options):
        return None
    try:
        done = subprocess.run(
            [sbatch, "--test-only", "--output=/dev/null", *options, "--wrap=true"],
            env=environment_of(environ).for_process(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    if done.returncode == 0 or _NO_CLUSTER.search(done.stderr):
        return None
    lines = [_PREFIX.sub("", line).strip() for line in done.stderr.splitlines()]
    return "; ".join(dict.fromkeys(line for line in lines if line)) or None


def _env_file_problem(file: Path) -> str | None:
    try:
        mode = file.stat().st_mode
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        return f"can't be read: {reason.lower()}"
    if not stat.S_ISREG(mode):
        return "is no file"
    if mode & 0o077:
        return f"may be read by others than its owner (mode {stat.S_IMODE(mode):o})"
    return None
