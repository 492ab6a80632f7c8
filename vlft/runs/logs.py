"""What the trainer said, of all attempts of a run, as it grows if asked to."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from vlft.engines.traits import traits_of
from vlft.files import read_from
from vlft.runs.attempts import all_attempts, engine_of
from vlft.runs.record import GOING_ON, Run, read_run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


_INTERVAL_S = 0.2
_BLOCK = 1 << 16


def last_lines(run: Path, count: int | None) -> Iterator[str]:
    """The end of each file of the last attempt, stdout's before stderr's.

    Args:
        run: The run's folder.
        count: Lines of each; None for all of them, and of all attempts.
    """
    for path in _files(run, 0 if count is None else -1):
        yield from _lines(_tail(path, count)[0])[-(count or 0) :]


def remember_secrets(run: Run) -> None:
    """Names the secrets of a run's config to the printer, if it is still there."""
    from vlft.config.source import load  # noqa: PLC0415 - of several commands, one needs it

    config = run.record.get("config")
    if isinstance(config, str) and os.path.isfile(config):  # noqa: PTH113 - any text is a path
        load(config)


def follow(run: Path, count: int | None) -> Iterator[str]:
    """The last lines, then lines as they are written, until the run is over.

    Args:
        run: The run's folder.
        count: As for `last_lines`.
    """
    first = 0 if count is None else len(all_attempts(run)) - 1
    offsets: dict[Path, int] = {}
    for path in _files(run, first):
        data, end = _tail(path, count)
        whole = data[: data.rfind(b"\n") + 1]
        offsets[path] = end - len(data) + len(whole)
        yield from _lines(whole)[-(count or 0) :]
    while True:
        found = read_run(run)
        over = found is None or found.status not in GOING_ON
        for path in _files(run, first):
            offset = offsets.get(path, 0)
            data = read_from(path, offset)
            whole = data if over else data[: data.rfind(b"\n") + 1]
            offsets[path] = offset + len(whole)
            yield from _lines(whole)
        if over:
            return
        time.sleep(_INTERVAL_S)


def _files(run: Path, first: int) -> list[Path]:
    """Those that the trainer's output goes to, from an attempt on."""
    attempts = all_attempts(run)[first:]
    return [path for one in attempts for path in traits_of(engine_of(one)).log_files(one)]


def _lines(data: bytes) -> list[str]:
    return data.decode(errors="replace").splitlines()


def _tail(path: Path, count: int | None) -> tuple[bytes, int]:
    """The last lines of a file, perhaps some more, and how many bytes it has."""
    data, start = b"", 0
    with suppress(OSError), path.open("rb") as file:
        if count is None:
            data = file.read()
            return data, len(data)
        start = file.seek(0, os.SEEK_END)
        while start and data.count(b"\n") <= count:  # in blocks: a log can be long
            size = min(_BLOCK, start)
            start -= size
            file.seek(start)
            data = file.read(size) + data
    return data, start + len(data)
