"""The scheduler's part of a run: an attempt that is a job of Slurm.

    job.json           which job; written after the submission, or by the job itself
    job.sbatch         the script
    slurm-JOB.out      what the job said
    outcome.json       how it ended, written by the job at its end

A job that Slurm no longer knows and that left no outcome was killed.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vlft.engines.slurm.commands import UnavailableError, call, failure
from vlft.engines.stop import note_end
from vlft.errors import VlftError
from vlft.files import read_json, write_json
from vlft.runs.attempts import JOB
from vlft.runs.record import read_run

if TYPE_CHECKING:
    from pathlib import Path

    from vlft.engines.traits import State
    from vlft.runs.record import Run

LOGS: Final = "slurm-*.out"
_SECONDS: Final = 60
_POLL_S: Final = 0.5
_ID: Final = re.compile(r"[0-9]+(_[0-9]+)?")
_WAITING: Final = frozenset({"PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_HOLD", "SPECIAL_EXIT"})


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
        done = call("squeue", "--noheader", "--format=%T", f"--jobs={job.id}", seconds=_SECONDS)
    except UnavailableError:
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
    done = call("scancel", job.id, seconds=_SECONDS)
    if done.returncode != 0 and "Invalid job id" not in done.stderr:
        raise VlftError(f"scancel {job.id}: {failure(done)}")


def stop_job(run: Run, job: Job, wait_s: float) -> Run:
    """Ends the job of a run, waits until Slurm no longer knows it, and returns the run.

    Raises:
        VlftError: If Slurm refuses, or the job has not ended in time.
    """
    cancel(job)
    deadline = time.monotonic() + wait_s
    while state_of(job) != "gone":
        if time.monotonic() >= deadline:
            message = f"the run {run.id} has not ended within {wait_s:g} s"
            raise VlftError(message, f"its job is {job.id}")
        time.sleep(_POLL_S)
    ended = read_run(run.folder) or run
    if not ended.outcome:  # it was cancelled before it began: nobody else would write one
        note_end(run, "stopped", "the job was cancelled before it could say how it ended")
    return read_run(run.folder) or ended


def log_files(attempt: Path) -> list[Path]:
    """What the job of an attempt wrote; none if it has not begun, or is no job."""
    return sorted(attempt.glob(LOGS))
