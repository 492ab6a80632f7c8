"""Ending a run from outside, saying how one ended, and removing one."""

from __future__ import annotations

import os
import shutil
import signal
import time
from typing import TYPE_CHECKING

from vlft.engines.base import engine_named
from vlft.engines.process import Outcome, conclude, told_of_the_disk, write_outcome
from vlft.environment import ENVIRON
from vlft.errors import VlftError
from vlft.runs.attempts import engine_of, living_pid, other_host
from vlft.runs.record import GOING_ON, Run, forget, read_run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


_POLL_S = 0.05
_POLL_SAVE_S = 0.5


def stop(run: Run, wait_s: float, *, lost: bool = False, after_save: bool = False) -> Run:
    """Asks the run's engine to end it, and waits until nothing of it is left.

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
    if run.status not in GOING_ON:
        raise VlftError(f"the run {run.id} does not run: it is {run.status}")
    engine = engine_named(engine_of(run.attempt))
    host = other_host(run.attempt, run.record) if engine.shares_machine else None
    if host is not None and not lost:
        raise VlftError(
            f"the run {run.id} was started on {host}",
            f"stop it there; if that machine is gone: vlft runs stop {run.id} --lost",
        )
    if host is not None:
        gone = f"the machine that it ran on, {host}, is gone"
        write_outcome(run.attempt, Outcome(status="killed", reason=gone))
        return read_run(run.folder) or run
    if after_save:
        run = _after_a_checkpoint(run)
        engine = engine_named(engine_of(run.attempt))
    if run.status not in GOING_ON:
        return run
    return engine.stop(run, wait_s)


def _after_a_checkpoint(run: Run) -> Run:
    """The run when it has saved one more checkpoint to its end, or is over."""
    before = run.whole_checkpoints[-1:]
    now = run
    while now.status in GOING_ON and now.whole_checkpoints[-1:] in {before, ()}:
        time.sleep(_POLL_SAVE_S)
        now = read_run(run.folder) or now
    return now


def stop_processes(run: Run, wait_s: float) -> Run:
    """Asks the supervisor to end the run, and waits until nothing of it is left.

    Raises:
        VlftError: If it has not ended in time.
    """
    pid = living_pid(run.attempt)
    if pid is not None:
        os.kill(pid, signal.SIGTERM)

    def is_over() -> bool:
        now = read_run(run.folder)
        return now is None or now.status not in GOING_ON

    return await_end(run, wait_s, is_over, f"its pid is {pid}", _POLL_S)


def await_end(run: Run, wait_s: float, ended: Callable[[], bool], hint: str, poll_s: float) -> Run:
    """Waits until a run has ended, and returns it as it is then.

    Raises:
        VlftError: If it has not ended in time.
    """
    deadline = time.monotonic() + wait_s
    while not ended():
        if time.monotonic() >= deadline:
            raise VlftError(f"the run {run.id} has not ended within {wait_s:g} s", hint)
        time.sleep(poll_s)
    return read_run(run.folder) or run


def conclude_attempt(attempt: Path, exit_code: int, stopped_by: str | None) -> Outcome | None:
    """Writes how an attempt ended, unless that is known already; its own job calls this.

    Args:
        attempt: Its folder.
        exit_code: Of the trainer, or 128 and the signal that ended it.
        stopped_by: Name of the signal that asked for the end; None if none did.

    Returns:
        The outcome; None for a job that will begin again.

    Raises:
        OSError: If it can't be written.
    """
    engine = engine_named(engine_of(attempt))
    if stopped_by is not None and engine.begins_again():
        return None
    ENVIRON.remember_secrets()
    if stopped_by is not None and exit_code == 0:
        # A trainer that is told to end saves, and ends as if it were done.
        exit_code = 143
    outcome = conclude(
        exit_code, stop=stopped_by, orphaned=False, last_error=lambda: engine.last_error(attempt)
    )
    outcome = told_of_the_disk(outcome, attempt)
    write_outcome(attempt, outcome)
    return outcome


def remove(run: Run) -> None:
    """Deletes the run's folder with its checkpoints and exports, and forgets it.

    Raises:
        VlftError: If it runs.
        OSError: If a part of it can't be deleted.
    """
    if run.status in GOING_ON:
        raise VlftError(f"the run {run.id} is {run.status}", f"vlft runs stop {run.id}")
    shutil.rmtree(run.folder)
    forget(run.folder)


def size_of(run: Run) -> int:
    """Bytes of all files in the run's folder."""
    return sum(path.lstat().st_size for path in run.folder.rglob("*") if path.is_file())
