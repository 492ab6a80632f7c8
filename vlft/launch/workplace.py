"""Where an export is made before it gets its final name: a folder beside it, and a lock."""

from __future__ import annotations

import fcntl
import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

from vlft.launch.process import OUTCOME
from vlft.runs.exports import read_export
from vlft.runs.record import utc_now

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_YOUNG_S = 10


def free_name(final: Path) -> Path:
    """The next name that nobody has taken: a folder that is not ours is left alone."""
    number = 2
    while (name := final.with_name(f"{final.name}-{number}")).exists():
        if read_export(name) is not None:
            return name
        number += 1
    return name


@contextmanager
def workplace(final: Path) -> Iterator[Path]:
    """A folder of this process beside `final`; those of dead processes are cleared away."""
    for left in final.parent.glob(f".{final.name}.partial-*"):
        if not _held(left):
            shutil.rmtree(left, ignore_errors=True)
    work = final.with_name(f".{final.name}.partial-{os.getpid()}")
    work.mkdir()
    with (work / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield work


def _held(work: Path) -> bool:
    """Whether a living vlft works in a folder: the lock dies with its process."""
    try:
        with (work / "lock").open("r") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return not (work / OUTCOME).exists() and _young(work)
    return False


def _young(work: Path) -> bool:
    """Whether a folder without a lock was made just now, by a vlft that is about to lock it."""
    try:
        return utc_now().timestamp() - work.stat().st_mtime < _YOUNG_S
    except OSError:
        return False
