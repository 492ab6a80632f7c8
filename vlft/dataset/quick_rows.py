"""The rows that a quick look at a file reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

FIRST: Final = 16 << 10
"""Bytes at the start of a file whose rows are judged."""
SPREAD: Final = 8
"""Other places of the file at which a row is judged."""
_AT_ONCE: Final = 8 << 10


def samples(path: Path) -> tuple[bytes, list[bytes]]:
    """Whole lines from the start, and a line from each of some places further on.

    Raises:
        OSError: If the file can't be read.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(FIRST)
        if size <= FIRST:
            return start, []
        start += file.readline()
        others = []
        for index in range(SPREAD):
            at = len(start) + (size - len(start)) * index // SPREAD
            file.seek(at)
            lines = file.read(_AT_ONCE).split(b"\n")
            if len(lines) > 2:  # noqa: PLR2004 - a part, a whole line, a part
                others.append(lines[1])
        return start, others
