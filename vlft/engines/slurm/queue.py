"""The scheduler's part of a run: an attempt that is a job of Slurm.

    job.json           which job; written after the submission, or by the job itself
    job.sbatch         the script
    slurm-JOB.out      what the job said
    outcome.json       how it ended, written by the job at its end

A job that Slurm no longer knows and that left no outcome was killed.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from vlft.engines.local import error_log
from vlft.engines.slurm.commands import UnavailableError, call, failure
from vlft.engines.stop import await_end, note_end
from vlft.errors import VlftError
from vlft.files import read_json, write_json
from vlft.runs.attempts import JOB
from vlft.runs.record import read_run

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from vlft.engines.traits import State
    from vlft.runs.record import Run

LOGS: Final = "slurm-*.out"
_SECONDS: Final = 60
_SHORT_SECONDS: Final = 20
_POLL_S: Final = 0.5
_ID: Final = re.compile(r"[0-9]+(_[0-9]+)?")
_WAITING: Final = frozenset({"PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_HOLD", "SPECIAL_EXIT"})
# srun's labels, which tell the node, and what Slurm itself says among the trainer's lines.
_NOISE: Final = re.compile(
    rb"^(?: *\d+: )?(?:srun|slurmstepd|scancel): .*\n?|^ *\d+: ", re.MULTILINE
)


def read_job(attempt: Path) -> str | None:
    """The job of an attempt, `123` or `123_0`; None if it is none, or not submitted yet."""
    number = (read_json(attempt / JOB) or {}).get("job")
    return number if isinstance(number, str) and _ID.fullmatch(number) else None


def write_job(attempt: Path, job: str) -> None:
    """Notes which job an attempt is.

    Raises:
        OSError: If it can't be written.
    """
    write_json(attempt / JOB, {"version": 1, "engine": "slurm", "job": job})


def state_of(job: str) -> State:
    """What Slurm says of a job; `running` where it can't be asked."""
    try:
        done = call("squeue", "--noheader", "--format=%T", f"--jobs={job}", seconds=_SECONDS)
    except UnavailableError:
        return "running"
    if done.returncode != 0:
        # Any other failure says nothing of the job: the controller may be restarting.
        return "gone" if "Invalid job id" in done.stderr else "running"
    states = set(done.stdout.split())
    if not states:
        return "gone"
    return "starting" if states <= _WAITING else "running"


def cancel(job: str) -> None:
    """Asks Slurm to end a job.

    Raises:
        VlftError: If it refuses, in its words, or can't be asked.
    """
    done = call("scancel", job, seconds=_SECONDS)
    if done.returncode != 0 and "Invalid job id" not in done.stderr:
        raise VlftError(f"scancel {job}: {failure(done)}")


def stop_job(run: Run, job: str, wait_s: float) -> Run:
    """Ends the job of a run, waits until Slurm no longer knows it, and returns the run.

    Raises:
        VlftError: If Slurm refuses, or the job has not ended in time.
    """
    cancel(job)
    await_end(run, wait_s, lambda: state_of(job) == "gone", f"its job is {job}", _POLL_S)
    ended = read_run(run.folder) or run
    if not ended.outcome:  # it was cancelled before it began: nobody else would write one
        note_end(run, "stopped", "the job was cancelled before it could say how it ended")
    return read_run(run.folder) or ended


def log_files(attempt: Path) -> list[Path]:
    """What the job of an attempt wrote; none if it has not begun, or is no job."""
    return sorted(attempt.glob(LOGS))


def last_error(attempt: Path) -> str | None:
    """The trainer's last error, in the newest log of an attempt."""
    newest = max(log_files(attempt), key=lambda path: path.stat().st_mtime, default=None)
    return None if newest is None else error_log.last_error(newest, noise=_NOISE)


def begins_again(job: Mapping[str, str]) -> bool:
    """Whether Slurm has stopped this job for another one, or a node of it has failed.

    A job that is requeued counts its restarts from the moment on in which that is decided; one
    that is preempted with a time of grace has a PreemptTime from then on.

    Args:
        job: The job's environment.
    """
    number = job.get("SLURM_JOB_ID")
    if number is None:
        return False
    try:
        shown = call("scontrol", "show", "job", number, seconds=_SHORT_SECONDS)
    except UnavailableError:
        return False
    fields = dict(field.partition("=")[::2] for field in shown.stdout.split())
    if fields.get("Requeue") != "1":
        return False
    before = int(job.get("SLURM_RESTART_COUNT", "0"))
    restarted = int(fields.get("Restarts", "0")) > before
    return restarted or fields.get("PreemptTime", "None") not in ("None", "Unknown")
