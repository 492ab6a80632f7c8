"""Pieces of a JSON Lines file as `datasets` takes them: 10 MiB and the rest of the line."""

from __future__ import annotations

import gzip
import io
from typing import IO, TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CHUNK_BYTES = 10 << 20
"""JsonConfig.chunksize; the first of these pieces fixes the schema."""

_PACKED = {
    b"\x1f\x8b": "gzip",
    b"PK\x03\x04": "zip",
    b"\xfd7zXZ\0": "xz",
    b"BZh": "bzip2",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\x04\x22\x4d\x18": "lz4",
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"Rar!": "rar",
}
_BUFFER = 1 << 18
BOM = b"\xef\xbb\xbf"


class Piece:
    """Whole lines of a file.

    Attributes:
        first: Whether it is the first of the file.
        size: Bytes.
    """

    def __init__(self, path: Path, start: int, end: int, content: bytes | None = None) -> None:
        self.first = start == 0
        self.size = end - start
        self._path = path
        self._start = start
        self._content = content

    def read(self) -> bytes:
        """All of it."""
        if self._content is not None:
            return self._content
        with self._path.open("rb") as file:
            file.seek(self._start)
            return file.read(self.size)

    def stream(self) -> IO[bytes]:
        """All of it to be read bit by bit; without a byte order mark."""
        if self._content is not None:
            content = self._content
            return io.BytesIO(without_bom(content) if self.first else content)
        skip = len(BOM) if self.first and self._has_bom() else 0
        span = _Span(self._path, self._start + skip, self.size - skip)
        return cast("IO[bytes]", io.BufferedReader(span, _BUFFER))

    def _has_bom(self) -> bool:
        with self._path.open("rb") as file:
            return file.read(len(BOM)) == BOM


class _Span(io.RawIOBase):
    """A part of a file, as a stream: lines of it cost half as much as those of a text in memory."""

    def __init__(self, path: Path, start: int, size: int) -> None:
        super().__init__()
        self._file = path.open("rb", buffering=0)
        self._file.seek(start)
        self._left = size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        count = self._file.readinto(buffer[: self._left])
        self._left -= count
        return count

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()


def without_bom(data: bytes) -> bytes:
    """The first piece of a file, without the mark that pyarrow skips."""
    return data.removeprefix(BOM)


def is_gzip(path: Path) -> bool:
    """Whether the content is gzip, whatever the name: `datasets` unpacks it."""
    return packed_as(path) == "gzip"


def packed_as(path: Path) -> str | None:
    """How the content is compressed, whatever the name; None if it is not."""
    with path.open("rb") as file:
        start = file.read(max(map(len, _PACKED)))
    return next((name for mark, name in _PACKED.items() if start.startswith(mark)), None)


def open_plain(path: Path) -> IO[bytes]:
    """The file, unpacked where it is gzip.

    Raises:
        OSError: If it can't be opened.
    """
    return cast("IO[bytes]", gzip.open(path, "rb") if is_gzip(path) else path.open("rb"))


def pieces(path: Path) -> Iterator[Piece]:
    """All pieces of a file.

    Raises:
        OSError: If it can't be read.
    """
    start = 0
    with open_plain(path) as stream:
        if is_gzip(path):
            while data := stream.read(CHUNK_BYTES):
                data += stream.readline()
                yield Piece(path, start, start + len(data), data)
                start += len(data)
            return
        size = path.stat().st_size
        while start < size:
            stream.seek(min(start + CHUNK_BYTES, size))
            stream.readline()
            end = stream.tell()
            yield Piece(path, start, end)
            start = end
