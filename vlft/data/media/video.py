"""What the first bytes of a file tell about a video: whether it is one, and whether it is whole.

The boxes of MP4 and QuickTime files are those of ISO/IEC 14496-12.
"""

from __future__ import annotations

import math
import os
import struct
from typing import IO, TYPE_CHECKING, Literal, NamedTuple

from vlft.data.media.problems import not_a_video

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vlft.data.media.picture import MediaProblem


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


Container = Literal["mp4", "fragments", "avi", "mkv", "gif", "unknown"]

_HEAD = 512
_PICTURES = {
    b"\xff\xd8\xff": "a JPEG picture",
    b"\x89PNG": "a PNG picture",
    b"GIF8": "a GIF picture",
    b"BM": "a BMP picture",
}
_RIFF = struct.Struct("<4sI")
_FIRST_BOXES = frozenset({b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"})
_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"


class FirstBytes(NamedTuple):
    """What they tell.

    Attributes:
        container: What the file is.
        problem: Why it is no video; None if it may be one.
        cut: How one sees that it breaks off; empty if it seems whole.
    """

    container: Container = "unknown"
    problem: MediaProblem | None = None
    cut: str = ""


def first_bytes(path: str, name: str) -> FirstBytes:
    """Looks at the beginning of a file, and at the lengths of its parts.

    Args:
        path: Of a file that is not empty.
        name: What messages call it.

    Raises:
        OSError: If it can't be read.
    """
    size = os.path.getsize(path)  # noqa: PTH202
    with open(path, "rb") as file:  # noqa: PTH123 - a name as ms-swift has it
        head = file.read(_HEAD)
        if head[4:8] in _FIRST_BOXES:
            return _of_boxes(file, size, name)
    other = _other_kind(head)
    if other is not None:
        return FirstBytes("gif" if "GIF" in other else "unknown", not_a_video(name, other))
    if head.startswith(b"RIFF") and head[8:12] == b"AVI ":
        return FirstBytes("avi", cut=_longer(_RIFF.unpack_from(head)[1] + 8, size))
    if head.startswith(_EBML):
        return FirstBytes("mkv", cut=_longer(_end_of_segment(head), size))
    return FirstBytes()


def _longer(announced: int, size: int) -> str:
    if announced <= size:
        return ""
    return f"{announced} bytes are announced, and there are {size}"


def _other_kind(head: bytes) -> str | None:
    """What a file is that is plainly no video."""
    for mark, what in _PICTURES.items():
        if head.startswith(mark):
            return what
    if head.startswith(b"RIFF"):
        return "a WebP picture" if head[8:12] == b"WEBP" else None
    if not head.strip(b"\0"):
        return "zeros"
    return "text" if _is_text(head) else None


def _of_boxes(file: IO[bytes], size: int, name: str) -> FirstBytes:
    """Whether an MP4 or QuickTime file has all its parts, the index among them."""
    kinds: set[bytes] = set()
    cut = ""
    for box in boxes(file, 0, size):
        kinds.add(box.kind)
        if box.kind in {b"mdat", b"moof", b"moov"}:
            cut = cut or _longer(box.end, size)
    if b"moov" not in kinds:
        what = "an MP4 file without its index (moov): it was not closed"
        return FirstBytes("mp4", not_a_video(name, what))
    return FirstBytes("fragments" if b"moof" in kinds else "mp4", cut=cut)


def _end_of_segment(head: bytes) -> int:
    """Where a Matroska file should end; 0 if it does not say (RFC 8794, RFC 9559)."""
    length, at = _number(head, len(_EBML))
    at += length
    if head[at : at + len(_SEGMENT)] != _SEGMENT:
        return 0
    length, at = _number(head, at + len(_SEGMENT))
    return at + length if length else 0


def _number(head: bytes, at: int) -> tuple[int, int]:
    """A number of one to eight bytes and the place after it; 0 for one that is not known."""
    first = head[at] if at < len(head) else 0
    count = 9 - first.bit_length()
    if not first or at + count > len(head):
        return 0, at
    most = (1 << 7 * count) - 1
    value = int.from_bytes(head[at : at + count], "big") & most
    return (0 if value == most else value), at + count


def _is_text(head: bytes) -> bool:
    """Such as a page that says 404, or what git-lfs leaves in place of a file."""
    try:
        text = head[: len(head) // 4 * 4].decode("utf-8", "strict")
    except UnicodeDecodeError:
        return False
    return all(letter.isprintable() or letter in "\r\n\t" for letter in text)
