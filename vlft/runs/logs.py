"""What the trainer said, of all attempts of a run, as it grows if asked to."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO

from vlft.engines.traits import traits_of
from vlft.files import read_from
from vlft.runs.attempts import all_attempts, engine_of
from vlft.runs.record import read_run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from vlft.runs.record import Run

_INTERVAL_S = 0.2
_BLOCK = 1 << 16


def last_lines(run: Path, count: int | None) -> Iterator[str]:
    """The end of each file of the last attempt, stdout's before stderr's.

    Args:
        run: The run's folder.
        count: Lines of each; None for all of them, and of all attempts.
    """
    for path in _shown_files(run, count):
        yield from _tail(path, count)


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
    shown = _shown_files(run, count)
    offsets = {path: _end(path) for attempt in all_attempts(run) for path in _files(attempt)}
    for path in shown:
        yield from _tail(path, count, offsets.get(path))
    while True:
        found = read_run(run)
        over = found is None or found.status not in ("starting", "running")
        for attempt in all_attempts(run):
            for path in _files(attempt):
                text, offsets[path] = _new_lines(path, offsets.get(path, 0), rest=over)
                yield from text.splitlines()
        if over:
            return
        time.sleep(_INTERVAL_S)


def _files(attempt: Path) -> list[Path]:
    return traits_of(engine_of(attempt)).log_files(attempt)


def _shown_files(run: Path, count: int | None) -> list[Path]:
    attempts = all_attempts(run)
    return [path for one in (attempts if count is None else attempts[-1:]) for path in _files(one)]


def _tail(path: Path, count: int | None, end: int | None = None) -> list[str]:
    """Its last lines before a byte; before its end if none is given."""
    try:
        with path.open("rb") as file:
            if count is None:
                return file.read(end).decode(errors="replace").splitlines()
            end = file.seek(0, os.SEEK_END) if end is None else end
            data = _before(file, end, lambda data: data.count(b"\n") > count)
    except OSError:
        return []
    lines = data.decode(errors="replace").splitlines()
    return lines[-count:] if count else []


def _end(path: Path) -> int:
    """Bytes up to the end of its last whole line."""
    with suppress(OSError), path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        data = _before(file, end, lambda data: b"\n" in data)
        return end - len(data) + data.rfind(b"\n") + 1
    return 0


def _before(file: BinaryIO, end: int, enough: Callable[[bytes], bool]) -> bytes:
    """What a file holds before a byte, read from there in blocks until it is enough."""
    data = b""
    while end and not enough(data):
        size = min(_BLOCK, end)
        end -= size
        file.seek(end)
        data = file.read(size) + data
    return data


def _new_lines(path: Path, offset: int, *, rest: bool) -> tuple[str, int]:
    """What was added after `offset`, up to the last whole line; all of it at the end."""
    data = read_from(path, offset)
    whole = len(data) if rest else data.rfind(b"\n") + 1
    return data[:whole].decode(errors="replace"), offset + whole
