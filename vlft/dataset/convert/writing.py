"""Output files that appear whole, or not at all."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from types import TracebackType

    from typing_extensions import Self

_BLOCK = 1 << 20


class PendingFile:
    """A file that takes its name when all is well.

    Used as a context: what is left at its end is thrown away, whatever ended it.

    Args:
        path: Where it will be.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0
        self._temporary = path.with_name(f".{path.name}.{os.getpid()}")
        self._stream: IO[bytes] = self._temporary.open("w+b")

    def write(self, data: bytes) -> None:
        """Appends."""
        self._stream.write(data)
        self.size += len(data)

    def move_to_top(self, pieces: Iterable[tuple[int, int]]) -> None:
        """Brings pieces, (start, end) in bytes and in order, to the top of the file."""
        pieces = list(pieces)
        target = self._temporary.with_name(f"{self._temporary.name}.sorted")
        try:
            with target.open("wb") as out:
                for start, end in pieces:
                    self._copy(out, start, end)
                at = 0
                for start, end in [*pieces, (self.size, self.size)]:
                    self._copy(out, at, start)
                    at = end
            target.replace(self._temporary)
        finally:
            with suppress(OSError):
                target.unlink(missing_ok=True)

    def keep(self) -> None:
        """Gives the file its name.

        Raises:
            OSError: If the disk is full.
        """
        self._stream.flush()
        with self._temporary.open("rb") as written:
            os.fsync(written.fileno())
        self._temporary.replace(self.path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with suppress(OSError):
            self._stream.close()
        with suppress(OSError):
            self._temporary.unlink(missing_ok=True)

    def _copy(self, out: IO[bytes], start: int, end: int) -> None:
        self._stream.seek(start)
        while start < end:
            block = self._stream.read(min(_BLOCK, end - start))
            out.write(block)
            start += len(block)
