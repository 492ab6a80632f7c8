"""Ending a run from outside, and removing one."""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING

from vlft.engines.base import engine_named
from vlft.errors import VlftError
from vlft.files import write_json
from vlft.runs.attempts import engine_of, other_host
from vlft.runs.index import forget
from vlft.runs.record import GOING_ON, read_run, utc_now

if TYPE_CHECKING:
    from vlft.runs.record import Run, Status

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
        note_end(run, "killed", f"the machine that it ran on, {host}, is gone")
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


def note_end(run: Run, status: Status, reason: str) -> None:
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
