"""Headers of WebP files (RFC 9649)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from vlft.dataset.media.exif import orientation_of

if TYPE_CHECKING:
    from vlft.dataset.media.picture import Parsed, Read

_ANIMATED, _XMP, _EXIF, _ALPHA = 0x02, 0x04, 0x08, 0x10  # flags of VP8X
_SHORTEST = 30
_START = struct.Struct("<4sI4s4s").unpack_from
_LOSSY_START = b"\x9d\x01\x2a"
_LOSSLESS_START = 0x2F
_MAX_CHUNKS = 4096


def parse_webp(head: bytes, size: int, read: Read, check_end: bool) -> Parsed:
    """Size, transparency and orientation of a WebP.

    Args:
        head: The first bytes of the file.
        size: Bytes of the file.
        read: Reads what lies beyond the head.
        check_end: Whether the file must be as long as its first bytes say.
    """
    if len(head) < _SHORTEST:
        return "cut"
    name, length, form, kind = _START(head)
    if name != b"RIFF" or form != b"WEBP":
        return "odd"
    if check_end and length + 8 > size:
        return "cut"
    if kind == b"VP8 ":
        return _lossy(head[20:30])
    if kind == b"VP8L":
        return _lossless(head[20:25])
    return _extended(head, size, read) if kind == b"VP8X" else "odd"


def _lossy(frame: bytes) -> Parsed:
    if frame[3:6] != _LOSSY_START:
        return "odd"
    width = int.from_bytes(frame[6:8], "little") & 0x3FFF
    height = int.from_bytes(frame[8:10], "little") & 0x3FFF
    return (width, height, 1, False, 8, "WEBP") if width and height else "odd"


def _lossless(frame: bytes) -> Parsed:
    if frame[0] != _LOSSLESS_START:
        return "odd"
    fields = int.from_bytes(frame[1:5], "little")
    width, height = (fields & 0x3FFF) + 1, (fields >> 14 & 0x3FFF) + 1
    return width, height, 1, bool(fields >> 28 & 1), 8, "WEBP"


def _extended(head: bytes, size: int, read: Read) -> Parsed:
    flags = head[20]
    width = int.from_bytes(head[24:27], "little") + 1
    height = int.from_bytes(head[27:30], "little") + 1
    transparent = bool(flags & _ALPHA)
    exif: bytes | None = None
    xmp: bytes | None = None
    at = _SHORTEST
    for _ in range(_MAX_CHUNKS):
        start = head[at : at + 13] if at + 13 <= len(head) else read(13, at)
        if len(start) < 8 or at + 8 >= size:  # noqa: PLR2004 - name and length
            break
        name = start[:4]
        length = min(int.from_bytes(start[4:8], "little"), size)
        if name == b"VP8L" and len(start) == 13:  # noqa: PLR2004
            # libwebp believes the picture itself, not the flag.
            transparent = bool(int.from_bytes(start[9:13], "little") >> 28 & 1)
        elif name == b"ALPH":
            transparent = True
        elif name == b"EXIF" and flags & _EXIF:
            exif = read(length, at + 8).removeprefix(b"Exif\0\0")
        elif name == b"XMP " and flags & _XMP:
            xmp = read(length, at + 8)
        if name in {b"VP8 ", b"VP8L"} and not flags & (_EXIF | _XMP):
            break
        if flags & _ANIMATED and not flags & (_EXIF | _XMP):
            break
        at += 8 + length + (length & 1)
    orientation = 1 if exif is None and xmp is None else orientation_of(exif, xmp)
    return width, height, orientation, transparent, 8, "WEBP"
