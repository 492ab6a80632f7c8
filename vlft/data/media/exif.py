"""The orientation of a picture, from EXIF or XMP (TIFF 6.0; EXIF 2.32; XMP part 2)."""

from __future__ import annotations

import re
import struct

_ORIENTATION = 0x0112
_SHORT = 3
_LITTLE = ord("I")
# Offset of the directory; number of its entries; an entry: tag, type, value in two halves.
_FORMS = {
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
    forms = _FORMS.get(block[:4])
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
