"""The scheduler's part of a run: an attempt that is a job of Slurm.

    job.json           which job; written after the submission, or by the job itself
    job.sbatch         the script
    slurm-JOB.out      what the job said
    outcome.json       how it ended, written by the job at its end

A job that Slurm no longer knows and that left no outcome was killed.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from vlft.errors import VlftError
from vlft.files import read_json, write_json

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

JOB: Final = "job.json"
LOGS: Final = "slurm-*.out"
_SECONDS: Final = 60
_ID: Final = re.compile(r"[0-9]+(_[0-9]+)?")
_WAITING: Final = frozenset({"PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_HOLD", "SPECIAL_EXIT"})

State = Literal["starting", "running", "gone"]


@dataclass(frozen=True)
class Job:
    """A job of Slurm.

    Attributes:
        id: `123`, or `123_0` for an element of an array.
    """

    id: str


def read_job(attempt: Path) -> Job | None:
    """The job of an attempt; None if it is none, or not submitted yet."""
    number = (read_json(attempt / JOB) or {}).get("job")
    return Job(number) if isinstance(number, str) and _ID.fullmatch(number) else None


def write_job(attempt: Path, job: Job) -> None:
    """Notes which job an attempt is.

    Raises:
        OSError: If it can't be written.
    """
    write_json(attempt / JOB, {"version": 1, "engine": "slurm", "job": job.id})


def state_of(job: Job) -> State:
    """What Slurm says of a job; `running` where it can't be asked."""
    try:
        done = _run("squeue", "--noheader", "--format=%T", f"--jobs={job.id}")
    except VlftError:
        return "running"
    if done.returncode != 0:
        # Any other failure says nothing of the job: the controller may be restarting.
        return "gone" if "Invalid job id" in done.stderr else "running"
    states = set(done.stdout.split())
    if not states:
        return "gone"
    return "starting" if states <= _WAITING else "running"


def cancel(job: Job) -> None:
    """Asks Slurm to end a job.

    Raises:
        VlftError: If it refuses, in its words, or can't be asked.
    """
    done = _run("scancel", job.id)
    if done.returncode != 0 and "Invalid job id" not in done.stderr:
        raise VlftError(f"scancel {job.id}: {done.stderr.strip()}")


def log_files(attempt: Path) -> list[Path]:
    """What the job of an attempt wrote; none if it has not begun, or is no job."""
    return sorted(attempt.glob(LOGS))


def _run(program: str, *words: str) -> subprocess.CompletedProcess[str]:
    found = shutil.which(program)
    if found is None:
        raise VlftError(f"{program} is not on PATH", "run this where Slurm's commands are")
    command: Sequence[str] = (found, *words)
    try:
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise VlftError(f"{program} has not answered within {_SECONDS} s") from None
