"""The attempts of a run: the first in its folder, each resumption in a folder of its own.

    RUN/            process.json, stdout.log, stderr.log, outcome.json of the first attempt
    RUN/attempt-2/  the same of the second

No file of an earlier attempt is touched again.
"""

from __future__ import annotations

import errno
import os
import platform
import re
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from vlft.engines import DEFAULT, engine_names
from vlft.files import read_json, write_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from vlft.engines.traits import State

ROOM: Final = ".room"  # a file that goes when the outcome is written, which so has room on a disk
_BYTES: Final = 16 * 1024  # an outcome has two; file systems give whole blocks
LAUNCHER: Final = "launcher.json"
PROCESS: Final = "process.json"
JOB: Final = "job.json"
"""Which engine an attempt was handed to, and what it is called there."""
_NAME = re.compile(r"attempt-(\d{1,6})")


def last_attempt(run: Path) -> Path:
    """The folder of the newest attempt: the run's own if there was one only."""
    return all_attempts(run)[-1]


def all_attempts(run: Path) -> tuple[Path, ...]:
    """The folders of all attempts, the first one first."""
    try:
        names = os.listdir(run)  # noqa: PTH208  names are enough
    except OSError:
        return (run,)
    matches = [match for match in map(_NAME.fullmatch, names) if match]
    return (run, *(run / match[0] for match in sorted(matches, key=lambda match: int(match[1]))))


def new_attempt(run: Path, after: Path) -> Path:
    """Makes the next attempt's folder.

    Args:
        run: The run.
        after: The last attempt that the caller knows of.

    Raises:
        FileExistsError: If another vlft has made it meanwhile.
        OSError: If it can't be made.
    """
    number = 1 if after == run else int(after.name.rpartition("-")[2])
    folder = run / f"attempt-{number + 1}"
    # It gets its name when it says who made it: nobody sees an attempt that nobody makes.
    made = run / f".attempt.{os.getpid()}"
    made.mkdir(exist_ok=True)
    try:
        write_launcher(made)
        made.rename(folder)
    except OSError as error:
        shutil.rmtree(made, ignore_errors=True)
        if error.errno in (errno.EEXIST, errno.ENOTEMPTY):
            raise FileExistsError(*error.args) from None
        raise
    return folder


def write_launcher(folder: Path) -> None:
    """Notes this process, so that others can tell an attempt that starts from one that died.

    Room for the attempt's outcome is held from then on.

    Raises:
        OSError: If it can't be written.
    """
    import psutil  # noqa: PLC0415 - only where a run starts

    process = psutil.Process()
    written = {"pid": process.pid, "started": process.create_time(), "host": platform.node()}
    write_json(folder / LAUNCHER, written)
    with suppress(OSError):  # where there is none, a run that starts will find that out by itself
        (folder / ROOM).write_bytes(bytes(_BYTES))


def engine_of(attempt: Path) -> str:
    """Name of the engine that holds an attempt; the default one where it was handed to none."""
    name = (read_json(attempt / JOB) or {}).get("engine")
    return name if name in engine_names() else DEFAULT


def other_host(folder: Path, record: Mapping[str, Any]) -> str | None:
    """The machine that an attempt runs on, where it is not this one: its pids mean nothing here.

    Args:
        folder: Of the attempt.
        record: run.json, whose machine counts where the attempt names none.
    """
    host = (read_json(folder / LAUNCHER) or {}).get("host", record.get("host"))
    return host if isinstance(host, str) and host != platform.node() else None


def process_state(attempt: Path, record: Mapping[str, Any]) -> State:
    """How an attempt without an outcome is, by its processes.

    What another machine has not written the end of is taken for running there.
    """
    process = read_json(attempt / PROCESS)
    if other_host(attempt, record) is not None:
        return "running" if process else "starting"
    if process is not None:
        return "running" if _living(process, "supervisor_") else "gone"
    launcher = read_json(attempt / LAUNCHER)
    return "gone" if launcher and not _living(launcher) else "starting"


def living_pid(attempt: Path) -> int | None:
    """The supervisor's, or the launcher's while there is no supervisor yet."""
    supervisor = _living(read_json(attempt / PROCESS) or {}, "supervisor_")
    return supervisor or _living(read_json(attempt / LAUNCHER) or {})


def _living(record: Mapping[str, Any], prefix: str = "") -> int | None:
    """The pid in a record, if the process is still the one that started then."""
    import psutil  # noqa: PLC0415 - only runs without an outcome need it

    pid, started = record.get(f"{prefix}pid"), record.get(f"{prefix}started")
    if not isinstance(pid, int) or not isinstance(started, (int, float)):
        return None
    try:
        process = psutil.Process(pid)
        alive = abs(process.create_time() - started) < 1.0
        return pid if alive and process.status() != psutil.STATUS_ZOMBIE else None
    except (psutil.Error, ValueError):
        return None
