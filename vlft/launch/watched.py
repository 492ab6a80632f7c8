"""A local run with its progress on the screen."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from vlft.launch.local import run
from vlft.launch.progress import Progress

if TYPE_CHECKING:
    from pathlib import Path

    from vlft.launch.process import Outcome, Process


def run_watched(process: Process, folder: Path, log: Path | None = None) -> Outcome:
    """Runs a process of ms-swift to its end; see `local.run`.

    Args:
        process: What to start.
        folder: An existing folder for its output and its outcome.
        log: ms-swift's log of an earlier attempt that it goes on with; else the folder's own.

    Raises:
        VlftError: The folder already holds the outcome of a run.
        OSError: It can't be started.
    """
    progress = Progress(folder, log=log)
    log = log or folder / "checkpoints" / "logging.jsonl"
    try:
        outcome = run(process, folder, poll=progress.poll, log=log)
    finally:
        progress.close()
    if outcome.status == "finished" and outcome.exit_code != 0:
        said = f": {outcome.error}" if outcome.error else ""
        print(f"vlft: {outcome.reason}{said}", file=sys.stderr)
    return outcome
