"""Handing a script to sbatch."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import TYPE_CHECKING, Final

from vlft.engines.process import Outcome, utc_now, write_outcome
from vlft.engines.slurm.job import SCRIPT
from vlft.engines.slurm.queue import Job, write_job
from vlft.environment import ENVIRON
from vlft.errors import VlftError
from vlft.files import write_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from vlft.engines.slurm.job import PlannedJob
    from vlft.environment import Environment
    from vlft.security.secrets import Secret

_SECONDS: Final = 120
# What the job would take from a job around vlft for its own, and what sbatch would put over the
# options in the script (man sbatch: INPUT ENVIRONMENT VARIABLES).
_LEFT_OUT: Final = re.compile(r"SLURM_(?!CONF$|CLUSTERS$)|SBATCH_|SRUN_|SALLOC_")
_WHERE_SILENT: Final = {
    "SBATCH_ACCOUNT": "--account=",
    "SBATCH_PARTITION": "--partition=",
    "SBATCH_QOS": "--qos=",
    "SBATCH_CONSTRAINT": "--constraint=",
    "SBATCH_RESERVATION": "--reservation=",
    "SBATCH_TIMELIMIT": "--time=",
    "SBATCH_MEM_PER_NODE": "--mem=",
    "SBATCH_GRES": "--gres=",
    "SBATCH_CLUSTERS": "--clusters=",
}
"""The user's defaults → the options that decide instead of them."""


def require_sbatch() -> str:
    """Its path.

    Raises:
        VlftError: If there is none.
    """
    found = shutil.which("sbatch")
    if found is None:
        raise VlftError(
            "sbatch is not on PATH: jobs are submitted where Slurm's commands are",
            "log in to the cluster, or write `launch: {engine: local}`",
        )
    return found


def submit_job(job: PlannedJob) -> Job:
    """Writes the script into the attempt's folder, which exists, and submits it.

    Raises:
        VlftError: If sbatch refuses it, in its words; the attempt then has an outcome.
        OSError: If the folder can't be written.
    """
    script = job.attempt / SCRIPT
    write_text(script, job.text)
    script.chmod(0o700)
    try:
        submitted = sbatch(script, job.script.options, job.secrets)
    except VlftError as error:
        write_outcome(job.attempt, Outcome("failed", None, None, error.message, None, utc_now()))
        raise
    write_job(job.attempt, submitted)
    return submitted


def submitting_environment(
    caller: Environment, options: Sequence[str], secrets: Mapping[str, str | Secret]
) -> dict[str, str]:
    """What sbatch is started with, and the job after it.

    Args:
        caller: The environment of vlft.
        options: Those in the script; the caller's defaults count where they are silent.
        secrets: Variables that the job must have.
    """
    kept = {
        name
        for name, option in _WHERE_SILENT.items()
        if not any(given.startswith(option) for given in options)
    }
    unset = (name for name in caller if _LEFT_OUT.match(name) and name not in kept)
    return caller.for_process(secrets, tuple(unset))


def sbatch(script: Path, options: Sequence[str], secrets: Mapping[str, str | Secret]) -> Job:
    """Submits a script; arguments as in `submitting_environment`.

    Raises:
        VlftError: If it is refused, or not answered.
    """
    try:
        done = subprocess.run(
            [require_sbatch(), "--parsable", str(script)],
            env=submitting_environment(ENVIRON, options, secrets),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise VlftError(
            f"sbatch has not answered within {_SECONDS} s; it may have taken the job",
            "squeue --me shows whether it has",
        ) from None
    number = done.stdout.strip().partition(";")[0]
    if done.returncode != 0 or not number.isdecimal():
        said = "; ".join(line.strip() for line in done.stderr.splitlines() if line.strip())
        raise VlftError(
            f"the cluster refused the job: {said.replace('sbatch: error: ', '')}",
            f"the script: {script}",
        )
    return Job(number)
