"""What the first bytes of a file tell about a video: whether it is one, and whether it is whole.

Nothing is decoded, and length and frames stay unknown: a reader of videos is no small package.
Seen with decord 0.6: a picture or a text in place of a video has its row replaced; an AVI file
that breaks off ends the process.
"""

from __future__ import annotations

import os
import struct
from typing import IO, TYPE_CHECKING

from vlft.dataset.media.problems import cut_video, not_a_video

if TYPE_CHECKING:
    from vlft.dataset.media.picture import MediaProblem

_HEAD = 512
_PICTURES = {
    b"\xff\xd8\xff": "a JPEG picture",
    b"\x89PNG": "a PNG picture",
    b"GIF8": "a GIF picture",
    b"BM": "a BMP picture",
}
_RIFF = struct.Struct("<4sI")
_BOX = struct.Struct(">I4s")
_LONG_BOX = struct.Struct(">Q")
_FIRST_BOXES = frozenset({b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"})
_MOST_BOXES = 1000


def video_problem(path: str, name: str) -> MediaProblem | None:
    """What is plainly wrong with a video file; None if nothing is, or it can't be told.

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
            return _boxes(file, size, name)
    other = _other_kind(head)
    if other is not None:
        return not_a_video(name, other)
    if head.startswith(b"RIFF") and head[8:12] == b"AVI ":
        announced = _RIFF.unpack_from(head)[1] + 8
        if announced > size:
            return cut_video(name, f"{announced} bytes are announced, and there are {size}")
    return None


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


def _boxes(file: IO[bytes], size: int, name: str) -> MediaProblem | None:
    """Whether an MP4 or QuickTime file has all its parts, the index among them."""
    at = 0
    found: set[bytes] = set()
    while at + _BOX.size <= size and len(found) < _MOST_BOXES:
        file.seek(at)
        start = file.read(_BOX.size + _LONG_BOX.size)
        length, kind = _BOX.unpack_from(start)
        found.add(kind)
        if length == 1 and len(start) == _BOX.size + _LONG_BOX.size:
            (length,) = _LONG_BOX.unpack_from(start, _BOX.size)
        if length == 0:  # up to the end of the file
            break
        if length < _BOX.size:
            return None
        at += length
    if b"moov" not in found:
        return not_a_video(name, "an MP4 file without its index (moov): it was not closed")
    return None


def _is_text(head: bytes) -> bool:
    """Such as a page that says 404, or what git-lfs leaves in place of a file."""
    try:
        text = head[: len(head) // 4 * 4].decode("utf-8", "strict")
    except UnicodeDecodeError:
        return False
    return all(letter.isprintable() or letter in "\r\n\t" for letter in text)
