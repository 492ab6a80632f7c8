"""The boxes of MP4 and QuickTime files (ISO/IEC 14496-12)."""

from __future__ import annotations

import math
import struct
from typing import IO, TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_BOX = struct.Struct(">I4s")
_LONG = struct.Struct(">Q")
_MATRIX = struct.Struct(">9i")
_NUMBER = struct.Struct(">I")
_SHIFTS = (16, 16, 30)  # fixed-point numbers of a matrix, by column
_QUARTERS = (90, 270)
# By version: where the track's number and the matrix are in tkhd, and the matrix in mvhd.
_PLACES = ((12, 40, 36), (20, 52, 48))
_MOST_BOXES = 1_000_000


class Box(NamedTuple):
    """A box.

    Attributes:
        kind: Its four letters.
        start: Of its content, in bytes from the file's beginning.
        end: Where it should end.
    """

    kind: bytes
    start: int
    end: int


def boxes(file: IO[bytes], start: int, end: int) -> Iterator[Box]:
    """The boxes between two places, as far as they make sense."""
    for _ in range(_MOST_BOXES):
        if start + _BOX.size > end:
            return
        file.seek(start)
        head = file.read(_BOX.size + _LONG.size)
        if len(head) < _BOX.size:
            return
        length, kind = _BOX.unpack_from(head)
        body = start + _BOX.size
        if length == 1 and len(head) == _BOX.size + _LONG.size:
            (length,) = _LONG.unpack_from(head, _BOX.size)
            body += _LONG.size
        if length == 0:  # up to the end of the file
            length = end - start
        if length < body - start:
            return
        yield Box(kind, body, start + length)
        start += length


def is_turned(path: str, track: int) -> bool:
    """Whether a track is shown turned by a quarter, so that its width is its height.

    Args:
        path: Of the file.
        track: The track's number.

    Raises:
        OSError: If the file can't be read.
    """
    with open(path, "rb") as file:  # noqa: PTH123 - a name as ms-swift has it
        end = file.seek(0, 2)
        movie = next((box for box in boxes(file, 0, end) if box.kind == b"moov"), None)
        if movie is None:
            return False
        inside = list(boxes(file, movie.start, movie.end))
        whole = [_matrix(file, box, 2)[1] for box in inside if box.kind == b"mvhd"]
        for box in inside:
            for header in boxes(file, box.start, box.end) if box.kind == b"trak" else ():
                if header.kind == b"tkhd":
                    number, matrix = _matrix(file, header, 1)
                    if number == track and matrix is not None:
                        return _quarter(_product(matrix, whole[0]) if whole else matrix)
    return False


_Matrix = tuple[int, ...]


def _matrix(file: IO[bytes], box: Box, place: int) -> tuple[int, _Matrix | None]:
    """Number of the track, and the matrix of a header; None if the header is short."""
    file.seek(box.start)
    body = file.read(100)
    if not body or body[0] >= len(_PLACES):
        return 0, None
    places = _PLACES[body[0]]
    if len(body) < places[place] + _MATRIX.size:
        return 0, None
    return _NUMBER.unpack_from(body, places[0])[0], _MATRIX.unpack_from(body, places[place])


def _product(track: _Matrix, movie: _Matrix | None) -> _Matrix:
    if movie is None:
        return track
    return tuple(
        sum(track[3 * row + k] * movie[3 * k + column] >> _SHIFTS[k] for k in range(3))
        for row in range(3)
        for column in range(3)
    )


def _quarter(matrix: _Matrix) -> bool:
    """Within a degree, as players see it."""
    wide, high = math.hypot(matrix[0], matrix[3]), math.hypot(matrix[1], matrix[4])
    if not wide or not high:
        return False
    degrees = math.degrees(math.atan2(matrix[1] / high, matrix[0] / wide)) % 360
    return any(abs(degrees - quarter) < 1 for quarter in _QUARTERS)
