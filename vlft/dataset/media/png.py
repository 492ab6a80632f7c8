"""Headers of PNG files (PNG specification, third edition)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING
from zlib import crc32

from vlft.dataset.media.exif import orientation_of
from vlft.dataset.media.picture import HEAD_BYTES

if TYPE_CHECKING:
    from vlft.dataset.media.picture import Header, Parsed, Read

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_IHDR = SIGNATURE + b"\0\0\0\rIHDR"
_IEND = b"\0\0\0\0IEND\xaeB`\x82"
# Signature and start of IHDR; width, height; depth and colour type; compression and filter
# method; interlacing; checksum.
_FIELDS = struct.Struct(">16sII2s2sBI").unpack_from
_CHUNK = struct.Struct(">I4s").unpack_from
_ONLY_METHODS = b"\0\0"
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_FORMS = frozenset(bytes((bits, kind)) for kind, depths in _DEPTHS.items() for bits in depths)
_ALPHA = frozenset({4, 6})  # colour types
_KEPT = frozenset({0, 3})  # grey, palette: Pillow keeps their depth
_XMP = b"XML:com.adobe.xmp"
_FIRST_CHUNK = len(_IHDR) + 17
_TAIL_BYTES = 512  # enough for IEND and what orientation takes before it
_MARGIN = 12  # length, name and checksum of a chunk
# Pillow refuses text and profiles that unpack to more than 1 MiB (PngImagePlugin), and zlib
# packs at most 1,032 to 1; profiles pack badly.
_PACKED = {b"zTXt": 1_000, b"iCCP": 50_000}
_MAX_TEXT = 1 << 20
_TELLING = frozenset({b"tRNS", b"eXIf", b"tEXt", b"iTXt", b"IEND", *_PACKED})


def parse_png(head: bytes, size: int, read: Read, check_end: bool) -> Parsed:
    """Size, depth, transparency and orientation of a PNG.

    Args:
        head: The first bytes of the file.
        size: Bytes of the file.
        read: Reads what lies beyond the head.
        check_end: Whether the IEND chunk must be there. Only then is EXIF found that stands
            behind the picture.
    """
    if len(head) < _FIRST_CHUNK:
        return "cut" if _IHDR.startswith(head[: len(_IHDR)]) else "odd"
    start, width, height, form, methods, _, checksum = _FIELDS(head)
    if (
        start != _IHDR
        or form not in _FORMS
        or methods != _ONLY_METHODS
        or not (width and height)
        or crc32(head[12:29]) != checksum
    ):
        return "odd"
    last = _last_to_read(size, read) if check_end else b"IDAT"
    told: list[tuple[bytes, int, int]] = []  # name, length and place of chunks that matter
    base, at = 0, _FIRST_CHUNK
    while True:
        if at + _MARGIN > len(head):
            base, at = base + at, 0
            head = read(HEAD_BYTES, base)
            if len(head) < _MARGIN:
                return "cut"
        length, name = _CHUNK(head, at)
        if name == last:
            break
        if name in _TELLING or length > _MAX_TEXT:
            told.append((name, length, base + at + 8))
        at += length + _MARGIN
    depth, colour = form
    # Pillow widens every other 16-bit form to 8-bit channels as it reads.
    bits = depth if colour in _KEPT else 8
    if told:
        return _with_chunks((width, height, 1, colour in _ALPHA, bits, "PNG"), told, read)
    return width, height, 1, colour in _ALPHA, bits, "PNG"


def _last_to_read(size: int, read: Read) -> bytes:
    """The chunk to read up to: all of them where the end is not where it should be."""
    tail = read(_TAIL_BYTES, max(0, size - _TAIL_BYTES))
    return b"IDAT" if tail.endswith(_IEND) and b"eXIf" not in tail else b"IEND"


def _with_chunks(header: Header, told: list[tuple[bytes, int, int]], read: Read) -> Parsed:
    """The header with what further chunks say of transparency and orientation."""
    exif: bytes | None = None
    xmp: bytes | None = None
    for name, length, place in told:
        if name == b"IDAT":  # a long one, on the way to EXIF behind it
            continue
        if name == b"IEND" or length > _PACKED.get(name, _MAX_TEXT):
            return "odd"
        chunk = read(length + 8, place - 4)
        content = chunk[4:-4]
        if crc32(chunk[:-4]).to_bytes(4, "big") != chunk[-4:]:
            return "odd"
        keyword, _, rest = content.partition(b"\0")
        if keyword.startswith(b"Raw profile type"):
            return "odd"
        if name == b"eXIf":
            exif = content
        elif name == b"iTXt" and not rest.startswith(b"\0") and length > _PACKED[b"zTXt"]:
            return "odd"  # packed text
        elif keyword == _XMP:
            xmp = content
    width, height, _, transparent, bits, name_of_format = header
    transparent = transparent or any(name == b"tRNS" for name, *_ in told)
    return width, height, orientation_of(exif, xmp), transparent, bits, name_of_format
