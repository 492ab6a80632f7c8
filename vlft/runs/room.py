"""Room on the disk for the last word of a run, held from its start.

A disk that fills up during a save ends the training, and would keep its outcome from being
written as well.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

ROOM: Final = ".room"
_BYTES: Final = 16 * 1024  # an outcome has two; file systems give whole blocks


def hold_room(folder: Path) -> None:
    """Takes the room; where there is none, a run that starts will find that out by itself."""
    with suppress(OSError):
        (folder / ROOM).write_bytes(bytes(_BYTES))


def give_room(folder: Path) -> None:
    """Gives it back, for what is written next."""
    with suppress(OSError):
        (folder / ROOM).unlink(missing_ok=True)
