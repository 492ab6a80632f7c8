"""Headers of JPEG, PNG and WebP files (T.81; PNG specification, third edition; RIFF)."""

from __future__ import annotations

import errno
import os
import re
import stat
import struct
from functools import partial
from typing import TYPE_CHECKING
from zlib import crc32

import xxhash

from vlft.data.media import problems
from vlft.data.media.problems import (
    HEAD_BYTES,
    PILLOW_LIMIT,
    Header,
    MediaProblem,
    Parsed,
    Picture,
    Read,
    Unopened,
)

if TYPE_CHECKING:
    from pathlib import Path


_ORIENTATION = 0x0112
_SHORT = 3
_LITTLE = ord("I")
# Offset of the directory; number of its entries; an entry: tag, type, value in two halves.
_EXIF_FORMS = {
    start: (struct.Struct(order + "I"), struct.Struct(order + "H"), struct.Struct(order + "HH4xHH"))
    for start, order in ((b"II*\0", "<"), (b"MM\0*", ">"))
}
_XMP_ORIENTATION = re.compile(rb'tiff:Orientation(?:="|>)([0-9])')
_UPRIGHT = 1
_KNOWN = range(1, 9)


def exif_orientation(block: bytes) -> int | None:
    """The orientation in a TIFF block, which is what follows the six bytes `Exif` and zeros.

    Returns:
        1 to 8; None if there is none, or none that means anything.
    """
    forms = _EXIF_FORMS.get(block[:4])
    if forms is None:
        return None
    head, count_of, entry = forms
    try:
        (start,) = head.unpack_from(block, 4)
        (count,) = count_of.unpack_from(block, start)
    except struct.error:  # the block ends early
        return None
    whole = min(count, (len(block) - start - 2) // entry.size)
    entries = block[start + 2 : start + 2 + whole * entry.size]
    for tag, kind, short, rest in entry.iter_unpack(entries):
        if tag == _ORIENTATION:
            # A long number in place of the short one: its halves, in the order of the bytes.
            value = short if kind == _SHORT or block[0] == _LITTLE else rest
            return value if value in _KNOWN else None
    return None


def xmp_orientation(packet: bytes) -> int | None:
    """The orientation in an XMP packet; None if there is none."""
    match = _XMP_ORIENTATION.search(packet)
    return int(match[1]) if match and int(match[1]) in _KNOWN else None


def orientation_of(exif: bytes | None, xmp: bytes | None) -> int:
    """EXIF's word first, then XMP's, as Pillow has it; 1 if neither says anything."""
    found = exif_orientation(exif) if exif is not None else None
    if found is None and xmp is not None:
        found = xmp_orientation(xmp)
    return found or _UPRIGHT


_FRAMES = frozenset({0xFFC0, 0xFFC1, 0xFFC2})  # baseline, extended, progressive
# Tables, restart interval, comments, application data: a length, then bytes to skip.
_SKIPPED = frozenset({0xFFC4, 0xFFDB, 0xFFDD, 0xFFFE, *range(0xFFE0, 0xFFF0)})
_APP1 = 0xFFE1
_EOI = b"\xff\xd9"
_SOS = 0xFFDA
_BLOCK = 1 << 20
_JPEG_EXIF = b"Exif\0\0"
_JPEG_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_SEGMENT = struct.Struct(">HH").unpack_from  # marker, length
_FRAME = struct.Struct(">BHHB").unpack_from  # bits, height, width, components
_LOOKED_AT = 10  # bytes of both
_JPEG_SHORTEST = 2  # a length counts itself
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
        if marker in _SKIPPED and length >= _JPEG_SHORTEST:
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
        if segment.startswith(_JPEG_EXIF):
            exif += segment[len(_JPEG_EXIF) :]
        elif segment.startswith(_JPEG_XMP):
            xmp = segment
    return orientation_of(exif, xmp)


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
_PNG_ALPHA = frozenset({4, 6})  # colour types
_KEPT = frozenset({0, 3})  # grey, palette: Pillow keeps their depth
_PNG_XMP = b"XML:com.adobe.xmp"
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
        return _with_chunks((width, height, 1, colour in _PNG_ALPHA, bits, "PNG"), told, read)
    return width, height, 1, colour in _PNG_ALPHA, bits, "PNG"


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
        elif keyword == _PNG_XMP:
            xmp = content
    width, height, _, transparent, bits, name_of_format = header
    transparent = transparent or any(name == b"tRNS" for name, *_ in told)
    return width, height, orientation_of(exif, xmp), transparent, bits, name_of_format


_ANIMATED, _WEBP_XMP, _WEBP_EXIF, _WEBP_ALPHA = 0x02, 0x04, 0x08, 0x10  # flags of VP8X
_WEBP_SHORTEST = 30
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
    if len(head) < _WEBP_SHORTEST:
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
    transparent = bool(flags & _WEBP_ALPHA)
    exif: bytes | None = None
    xmp: bytes | None = None
    at = _WEBP_SHORTEST
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
        elif name == b"EXIF" and flags & _WEBP_EXIF:
            exif = read(length, at + 8).removeprefix(b"Exif\0\0")
        elif name == b"XMP " and flags & _WEBP_XMP:
            xmp = read(length, at + 8)
        if name in {b"VP8 ", b"VP8L"} and not flags & (_WEBP_EXIF | _WEBP_XMP):
            break
        if flags & _ANIMATED and not flags & (_WEBP_EXIF | _WEBP_XMP):
            break
        at += 8 + length + (length & 1)
    orientation = 1 if exif is None and xmp is None else orientation_of(exif, xmp)
    return width, height, orientation, transparent, 8, "WEBP"


_PARSERS = {b"\xff\xd8\xff": parse_jpeg, b"\x89PN": parse_png, b"RIF": parse_webp}
# A pipe without a writer would block; a file is not affected.
_FLAGS = os.O_RDONLY | os.O_NONBLOCK
_NO_FILE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP})
_hash = xxhash.xxh3_64_intdigest


def probe_picture(path: Path | str, *, check_end: bool = True) -> Picture | MediaProblem:
    """What a file's header says, and whether its end is there.

    JPEG, PNG and WebP are parsed here; any other format, and a file that looks cut off, is
    loaded with Pillow, whose verdict is the trainer's.

    Args:
        path: The file; relative to the working directory.
        check_end: Whether to read the file's end too. Without, a file that was cut off
            after its header passes for whole.
    """
    try:
        fd = os.open(path, _FLAGS)
    except (OSError, ValueError) as error:
        return _not_opened(os.fspath(path), error)
    name = path if type(path) is str else os.fspath(path)
    try:
        head = os.pread(fd, HEAD_BYTES, 0)
        size = len(head) if len(head) < HEAD_BYTES else os.lseek(fd, 0, os.SEEK_END)
        parse = _PARSERS.get(head[:3])
        if parse is None:
            parsed: Parsed = "odd"
        else:
            parsed = parse(head, size, partial(os.pread, fd), check_end)
        if type(parsed) is tuple and parsed[0] * parsed[1] <= PILLOW_LIMIT:
            return Picture(*parsed, size, _hash(head), name)
        regular = stat.S_ISREG(os.fstat(fd).st_mode)
    except OSError as error:
        return _not_opened(name, error)
    finally:
        os.close(fd)
    if not regular:
        return problems.not_an_image(name, "no regular file")
    return _second_opinion(name, name, head, size, parsed)


def probe_bytes(content: bytes, name: str) -> Picture | MediaProblem:
    """The same for a file's content.

    Args:
        content: The whole file.
        name: What messages call it.
    """
    head, size = content[:HEAD_BYTES], len(content)
    parse = _PARSERS.get(head[:3])
    parsed = parse(head, size, lambda n, at: content[at : at + n], True) if parse else "odd"
    if type(parsed) is tuple and parsed[0] * parsed[1] <= PILLOW_LIMIT:
        return Picture(*parsed, size, _hash(head), "")
    return _second_opinion(content, name, head, size, parsed)


def presence(path: str) -> Unopened | MediaProblem:
    """What can be told of a picture file without opening it."""
    try:
        status = os.stat(path)  # noqa: PTH116 - never raises for an odd name
    except (OSError, ValueError) as error:
        return _not_opened(path, error)
    if stat.S_ISDIR(status.st_mode):
        return problems.folder(path)
    if not stat.S_ISREG(status.st_mode):
        return problems.not_an_image(path, "no regular file")
    return Unopened() if status.st_size else problems.empty(path)


def _second_opinion(
    source: str | bytes, name: str, head: bytes, size: int, parsed: Parsed
) -> Picture | MediaProblem:
    """What Pillow makes of a file that the parsers did not accept."""
    if size == 0:
        return problems.empty(name)
    if isinstance(parsed, tuple):
        return problems.too_large(name, parsed[0], parsed[1])
    from vlft.data.media.pillow import ask_pillow  # noqa: PLC0415

    found = ask_pillow(source, name, cut=parsed == "cut")
    if isinstance(found, MediaProblem):
        return found
    return Picture(*found, size, _hash(head), name if isinstance(source, str) else "")


def _not_opened(name: str, error: OSError | ValueError) -> MediaProblem:
    if isinstance(error, ValueError) or error.errno in _NO_FILE:
        return problems.missing(name, os.path.realpath(os.curdir), None)
    if error.errno == errno.EISDIR:
        return problems.folder(name)
    if error.errno in {errno.ESPIPE, errno.ENXIO}:
        return problems.not_an_image(name, "no regular file")
    return problems.unreadable(name, error.strerror or str(error))
