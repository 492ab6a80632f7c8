"""The last thing a job does: its outcome."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from vlft.engines.local.error_log import last_error_in
from vlft.engines.process import Outcome, conclude, told_of_the_disk, write_outcome
from vlft.engines.slurm.commands import UnavailableError, call
from vlft.engines.slurm.queue import log_files
from vlft.environment import ENVIRON

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_SECONDS: Final = 20
_WINDOW: Final = 256 * 1024  # bytes
_LABEL: Final = re.compile(rb"^ *\d+: ", re.MULTILINE)
_SLURMS: Final = re.compile(rb"^(?:srun|slurmstepd|scancel): .*\n?", re.MULTILINE)


def conclude_job(attempt: Path, exit_code: int, stopped_by: str | None) -> Outcome | None:
    """Writes how a job ended, unless that is known already, or it will begin again.

    Called by the job itself, in its environment.

    Args:
        attempt: The attempt's folder.
        exit_code: Of srun: the trainer's, or 128 and the signal that ended it.
        stopped_by: Name of the signal that the job got from Slurm; None if it got none.

    Returns:
        The outcome; None for a job that Slurm has stopped to begin it again.

    Raises:
        OSError: If it can't be written.
    """
    if stopped_by is not None and begins_again(ENVIRON):
        return None
    ENVIRON.remember_secrets()
    if stopped_by is not None and exit_code == 0:
        # A trainer that is told to end saves, and ends as if it were done.
        exit_code = 143
    outcome = conclude(
        exit_code, stop=stopped_by, orphaned=False, last_error=lambda: _last_error(attempt)
    )
    outcome = told_of_the_disk(outcome, attempt)
    write_outcome(attempt, outcome)
    return outcome


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
        shown = call("scontrol", "show", "job", number, seconds=_SECONDS)
    except UnavailableError:
        return False
    fields = dict(field.partition("=")[::2] for field in shown.stdout.split())
    if fields.get("Requeue") != "1":
        return False
    before = int(job.get("SLURM_RESTART_COUNT", "0"))
    restarted = int(fields.get("Restarts", "0")) > before
    return restarted or fields.get("PreemptTime", "None") not in ("None", "Unknown")


def _last_error(attempt: Path) -> str | None:
    logs = log_files(attempt)
    if not logs:
        return None
    newest = max(logs, key=lambda path: path.stat().st_mtime)
    with newest.open("rb") as file:
        file.seek(max(0, file.seek(0, 2) - _WINDOW))
        trainers = _SLURMS.sub(b"", _LABEL.sub(b"", file.read()))  # a label tells the node
    return last_error_in(trainers)
