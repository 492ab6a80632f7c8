"""Headers of JPEG files (ITU-T T.81, annex B)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from vlft.dataset.media.exif import orientation_of
from vlft.dataset.media.picture import HEAD_BYTES

if TYPE_CHECKING:
    from vlft.dataset.media.picture import Parsed, Read

_FRAMES = frozenset({0xFFC0, 0xFFC1, 0xFFC2})  # baseline, extended, progressive
# Tables, restart interval, comments, application data: a length, then bytes to skip.
_SKIPPED = frozenset({0xFFC4, 0xFFDB, 0xFFDD, 0xFFFE, *range(0xFFE0, 0xFFF0)})
_APP1 = 0xFFE1
_EOI = b"\xff\xd9"
_SOS = 0xFFDA
_BLOCK = 1 << 20
_EXIF = b"Exif\0\0"
_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_SEGMENT = struct.Struct(">HH").unpack_from  # marker, length
_FRAME = struct.Struct(">BHHB").unpack_from  # bits, height, width, components
_LOOKED_AT = 10  # bytes of both
_SHORTEST = 2  # a length counts itself
_BITS = 8
_COMPONENTS = frozenset({1, 3, 4})  # grey, colour, CMYK


def parse_jpeg(head: bytes, size: int, read: Read, check_end: bool) -> Parsed:
    """Size and orientation of a JPEG.

    Args:
        head: The first bytes of the file.
        size: Bytes of the file.
        read: Reads what lies beyond the head.
        check_end: Whether the end-of-image marker must be there.
    """
    told: list[bytes] = []  # segments that may hold EXIF or XMP
    base, at = 0, 2  # `head` starts at `base` in the file, the next marker at base + at
    while True:
        if at + _LOOKED_AT > len(head):
            base, at = base + at, 0
            head = read(HEAD_BYTES, base)
            if len(head) < _LOOKED_AT:
                return "cut"
        marker, length = _SEGMENT(head, at)
        if marker in _SKIPPED and length >= _SHORTEST:
            if marker == _APP1:
                segment = head[at + 4 : at + 2 + length]
                if len(segment) < length - 2:
                    segment = read(length - 2, base + at + 4)
                told.append(segment)
            at += 2 + length
        elif marker in _FRAMES:
            bits, height, width, components = _FRAME(head, at + 4)
            if bits != _BITS or components not in _COMPONENTS or not width or not height:
                return "odd"
            if check_end and read(2, size - 2) != _EOI and not _ends(base + at, read):
                return "cut"
            return width, height, _turned(told) if told else 1, False, _BITS, "JPEG"
        else:
            return "odd"


def _ends(at: int, read: Read) -> bool:
    """Whether there is an end-of-image marker, with something else behind it.

    Phones put films and notes there. Within the picture's data, FF is followed by zero or a
    restart marker (T.81, B.1.1.5), and no table between two scans has the marker's bytes.

    Args:
        at: Where the frame begins.
        read: Reads the file.
    """
    while True:
        segment = read(4, at)
        if len(segment) < 4 or segment[0] != 0xFF:  # noqa: PLR2004
            return False
        marker, length = _SEGMENT(segment, 0)
        at += 2 + length
        if marker == _SOS:
            break
    while block := read(_BLOCK, at):
        if _EOI in block:
            return True
        at += max(len(block) - 1, 1)
    return False


def _turned(told: list[bytes]) -> int:
    """The orientation that the application segments give; EXIF may span several."""
    exif = b""
    xmp: bytes | None = None
    for segment in told:
        if segment.startswith(_EXIF):
            exif += segment[len(_EXIF) :]
        elif segment.startswith(_XMP):
            xmp = segment
    return orientation_of(exif, xmp)
