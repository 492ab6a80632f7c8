"""Ending a run from outside, and removing one."""

from __future__ import annotations

import os
import shutil
import signal
import time
from typing import TYPE_CHECKING

from vlft.engines.slurm.queue import Job, cancel, read_job, state_of
from vlft.errors import VlftError
from vlft.files import read_json, write_json
from vlft.runs.attempts import is_alive, launcher_of, other_host
from vlft.runs.index import forget
from vlft.runs.record import read_run, utc_now

if TYPE_CHECKING:
    from vlft.runs.record import Run, Status

_POLL_S = 0.05
_POLL_JOB_S = 0.5
_POLL_SAVE_S = 0.5
_GOING_ON = ("running", "starting")


def stop(run: Run, wait_s: float, *, lost: bool = False, after_save: bool = False) -> Run:
    """Asks the run's supervisor, or Slurm, to end it, and waits until nothing of it is left.

    Args:
        run: A run of this machine, or a job.
        wait_s: Seconds to wait.
        lost: Whether the machine that it runs on is gone: nothing is ended, it is only noted.
        after_save: Whether to let it go on, for as long as it takes, until it has saved one
            more checkpoint to its end.

    Returns:
        The run as it is then.

    Raises:
        VlftError: If it does not run, runs on another machine, or has not ended in time.
    """
    if run.status not in _GOING_ON:
        raise VlftError(f"the run {run.id} does not run: it is {run.status}")
    job = read_job(run.attempt)
    host = None if job is not None else other_host(run.attempt, run.record)
    if host is not None and not lost:
        raise VlftError(
            f"the run {run.id} was started on {host}",
            f"stop it there; if that machine is gone: vlft runs stop {run.id} --lost",
        )
    if host is not None:
        _write_outcome(run, "killed", f"the machine that it ran on, {host}, is gone")
        return read_run(run.folder) or run
    if after_save:
        run = _after_a_checkpoint(run)
        job = read_job(run.attempt)
    if run.status not in _GOING_ON:
        return run
    if job is not None:
        return _stop_job(run, job, wait_s)
    pid = _pid(run)
    if pid is not None:
        os.kill(pid, signal.SIGTERM)
    return _ended(run, wait_s, f"its pid is {pid}")


def _after_a_checkpoint(run: Run) -> Run:
    """The run when it has saved one more checkpoint to its end, or is over."""
    before = run.whole_checkpoints[-1:]
    now = run
    while now.status in _GOING_ON and now.whole_checkpoints[-1:] in {before, ()}:
        time.sleep(_POLL_SAVE_S)
        now = read_run(run.folder) or now
    return now


def _ended(run: Run, wait_s: float, hint: str) -> Run:
    deadline = time.monotonic() + wait_s
    while time.monotonic() < deadline:
        now = read_run(run.folder)
        if now is None or now.status not in _GOING_ON:
            return now or run
        time.sleep(_POLL_S)
    raise VlftError(f"the run {run.id} has not ended within {wait_s:g} s", hint)


def _stop_job(run: Run, job: Job, wait_s: float) -> Run:
    cancel(job)
    deadline = time.monotonic() + wait_s
    while state_of(job) != "gone":
        if time.monotonic() >= deadline:
            message = f"the run {run.id} has not ended within {wait_s:g} s"
            raise VlftError(message, f"its job is {job.id}")
        time.sleep(_POLL_JOB_S)
    ended = read_run(run.folder) or run
    if not ended.outcome:  # it was cancelled before it began: nobody else would write one
        _write_outcome(run, "stopped", "the job was cancelled before it could say how it ended")
    return read_run(run.folder) or ended


def _write_outcome(run: Run, status: Status, reason: str) -> None:
    """Says how a run ended, where nobody else will."""
    outcome = {
        "status": status,
        "exit_code": None,
        "signal": None,
        "reason": reason,
        "error": None,
        "ended": utc_now().strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    write_json(run.attempt / "outcome.json", outcome)


def _pid(run: Run) -> int | None:
    """The supervisor's, or the launcher's while there is no supervisor yet."""
    process = read_json(run.attempt / "process.json") or {}
    supervisor, started = process.get("supervisor_pid"), process.get("supervisor_started")
    if is_alive(supervisor, started) and isinstance(supervisor, int):
        return supervisor
    launcher = launcher_of(run.attempt)
    pid = launcher.get("pid")
    alive = is_alive(pid, launcher.get("started"))
    return pid if alive and isinstance(pid, int) else None


def remove(run: Run) -> None:
    """Deletes the run's folder with its checkpoints and exports, and forgets it.

    Raises:
        VlftError: If it runs.
        OSError: If a part of it can't be deleted.
    """
    if run.status in _GOING_ON:
        raise VlftError(f"the run {run.id} is {run.status}", f"vlft runs stop {run.id}")
    shutil.rmtree(run.folder)
    forget(run.folder)


def size_of(run: Run) -> int:
    """Bytes of all files in the run's folder."""
    return sum(path.lstat().st_size for path in run.folder.rglob("*") if path.is_file())
