"""The processes of an attempt on this machine: whether they live, and how they are ended."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING, Any, Final

from vlft.errors import VlftError
from vlft.files import read_json
from vlft.runs.attempts import is_alive, launcher_of, other_host
from vlft.runs.record import GOING_ON, read_run

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from vlft.engines.traits import State
    from vlft.runs.record import Run

_POLL_S: Final = 0.05


def process_state(attempt: Path, record: Mapping[str, Any]) -> State:
    """How an attempt without an outcome is, by its processes.

    What another machine has not written the end of is taken for running there.
    """
    process = read_json(attempt / "process.json")
    if other_host(attempt, record) is not None:
        return "running" if process else "starting"
    if process is not None:
        supervisor = process.get("supervisor_pid"), process.get("supervisor_started")
        return "running" if is_alive(*supervisor) else "gone"
    launcher = launcher_of(attempt)
    dead = launcher and not is_alive(launcher.get("pid"), launcher.get("started"))
    return "gone" if dead else "starting"


def stop(run: Run, wait_s: float) -> Run:
    """Asks the supervisor to end the run, and waits until nothing of it is left.

    Raises:
        VlftError: If it has not ended in time.
    """
    pid = _pid(run.attempt)
    if pid is not None:
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + wait_s
    while time.monotonic() < deadline:
        now = read_run(run.folder)
        if now is None or now.status not in GOING_ON:
            return now or run
        time.sleep(_POLL_S)
    raise VlftError(f"the run {run.id} has not ended within {wait_s:g} s", f"its pid is {pid}")


def _pid(attempt: Path) -> int | None:
    """The supervisor's, or the launcher's while there is no supervisor yet."""
    process = read_json(attempt / "process.json") or {}
    supervisor, started = process.get("supervisor_pid"), process.get("supervisor_started")
    if is_alive(supervisor, started) and isinstance(supervisor, int):
        return supervisor
    launcher = launcher_of(attempt)
    pid = launcher.get("pid")
    alive = is_alive(pid, launcher.get("started"))
    return pid if alive and isinstance(pid, int) else None
