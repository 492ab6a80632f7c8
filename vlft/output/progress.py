"""A bar on the terminal for what takes longer than a second."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

from vlft.output.console import rich_console, stderr

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_PATIENCE = 1.0
"""Seconds before a bar is drawn."""
_EVERY = 0.1
"""Seconds between two looks of it."""


@contextlib.contextmanager
def progress(total: int, title: str) -> Iterator[Callable[[int], None]]:
    """Yields what is told of each further amount that is done with.

    Args:
        total: Of bytes, or whatever is counted.
        title: What is being done.
    """
    if not stderr().isatty():
        yield lambda _: None
        return
    bar = _Bar(total, title)
    try:
        yield bar.advance
    finally:
        bar.close()


class _Bar:
    """A rich bar that is made when it is needed."""

    def __init__(self, total: int, title: str) -> None:
        self._total = total
        self._title = title
        self._drawn = 0.0
        self._done = 0
        self._began = time.monotonic()
        self._progress: object = None

    def advance(self, size: int) -> None:
        """More bytes are done with."""
        self._done += size
        now = time.monotonic()
        if now - self._began < _PATIENCE or now - self._drawn < _EVERY:
            return
        self._drawn = now
        from rich.progress import Progress

        if not isinstance(self._progress, Progress):
            self._progress = Progress(console=rich_console(), transient=True)
            self._task = self._progress.add_task(self._title, total=self._total)
            self._progress.start()
        self._progress.update(self._task, completed=min(self._done, self._total))

    def close(self) -> None:
        """Takes the bar off the screen."""
        from typing import Any, cast

        if self._progress is not None:
            cast("Any", self._progress).stop()
