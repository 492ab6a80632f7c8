"""Handing a script to sbatch."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from typing import TYPE_CHECKING, Final

from vlft.errors import VlftError
from vlft.files import write_text
from vlft.launch.process import Outcome, utc_now, write_outcome
from vlft.launch.slurm.job import SCRIPT
from vlft.runs.jobs import Job, write_job

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from vlft.launch.slurm.job import PlannedJob

_SECONDS: Final = 120
# A job of vlft that submits another one: what sbatch would take from the job around it.
_OWN: Final = re.compile(r"SLURM_(?!CONF$|CLUSTER_NAME$)|SBATCH_|SRUN_")


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
        submitted = sbatch(script, job.secrets)
    except VlftError as error:
        write_outcome(job.attempt, Outcome("failed", None, None, error.message, None, utc_now()))
        raise
    write_job(job.attempt, submitted)
    return submitted


def sbatch(script: Path, secrets: Mapping[str, str]) -> Job:
    """Submits a script in this process's environment, and the secrets.

    Raises:
        VlftError: If it is refused, or not answered.
    """
    kept = {name: value for name, value in os.environ.items() if not _OWN.match(name)}
    try:
        done = subprocess.run(
            [require_sbatch(), "--parsable", str(script)],
            env=kept | dict(secrets),
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
