"""The last thing a job does: its outcome."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from vlft.launch.errorlog import last_error_in
from vlft.launch.process import Outcome, conclude, write_outcome
from vlft.runs.jobs import log_files

if TYPE_CHECKING:
    from pathlib import Path

_WINDOW: Final = 256 * 1024  # bytes
_LABEL: Final = re.compile(rb"^ *\d+: ", re.MULTILINE)


def conclude_job(attempt: Path, exit_code: int, stopped_by: str | None) -> Outcome:
    """Writes how a job ended, unless that is known already.

    Args:
        attempt: The attempt's folder.
        exit_code: Of srun: the trainer's, or 128 and the signal that ended it.
        stopped_by: Name of the signal that the job got from Slurm; None if it got none.

    Raises:
        OSError: If it can't be written.
    """
    if stopped_by is not None and exit_code == 0:
        # A trainer that is told to end saves, and ends as if it were done.
        exit_code = 143
    outcome = conclude(
        exit_code, stop=stopped_by, orphaned=False, last_error=lambda: _last_error(attempt)
    )
    write_outcome(attempt, outcome)
    return outcome


def _last_error(attempt: Path) -> str | None:
    logs = log_files(attempt)
    if not logs:
        return None
    newest = max(logs, key=lambda path: path.stat().st_mtime)
    with newest.open("rb") as file:
        file.seek(max(0, file.seek(0, 2) - _WINDOW))
        return last_error_in(_LABEL.sub(b"", file.read()))  # srun's, one a node
