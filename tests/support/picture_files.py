"""Picture files for tests, and what Pillow makes of them as ms-swift asks it."""

from __future__ import annotations

import struct
import warnings
import zlib
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from unittest import mock

from PIL import Image, ImageFile

MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "HSV", "I", "F", "I;16")


def noise(width: int, height: int, mode: str = "RGB") -> Image.Image:
    """A picture whose file is about as large as can be."""
    picture = Image.effect_noise((width, height), 80)
    return picture if mode == "L" else converted(picture, mode)


def converted(picture: Image.Image, mode: str) -> Image.Image:
    """In another mode, by way of RGB where Pillow knows no direct one."""
    try:
        return picture.convert(mode)
    except ValueError:
        return picture.convert("RGB").convert(mode)


def encoded(picture: Image.Image, form: str, **options: object) -> bytes:
    """The bytes of a file."""
    stream = BytesIO()
    # Pillow encodes a progressive JPEG in one block, and the block is too small for some noise.
    block = mock.patch.object(ImageFile, "MAXBLOCK", 1 << 22)
    with block, warnings.catch_warnings():  # of formats that Pillow means to drop
        warnings.simplefilter("ignore", DeprecationWarning)
        picture.save(stream, form, **options)
    return stream.getvalue()


def turned(orientation: int) -> Image.Exif:
    """EXIF that says how the picture is turned."""
    exif = Image.Exif()
    exif[0x112] = orientation
    return exif


def trainer_size(content: bytes) -> tuple[int, int] | None:
    """Width and height as swift/template/vision_utils.py:load_image gets them; None: it fails."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            picture = Image.open(BytesIO(content))
            if picture.mode != "RGB":
                picture = picture.convert("RGB")
            picture.load()
        except Exception:  # noqa: BLE001 - plugins raise what they like
            return None
        return picture.size


@dataclass(frozen=True)
class Seen:
    """What Pillow says of a picture before it loads it."""

    form: str
    mode: str
    orientation: int
    transparent: bool


def seen(content: bytes) -> Seen:
    """As Pillow opens it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(BytesIO(content)) as picture:
            if picture.format == "ICNS":  # claims transparency until it is loaded
                picture.load()
            transparent = picture.has_transparency_data
            turned_by = int(picture.getexif().get(0x112, 1))
            return Seen(str(picture.format), picture.mode, turned_by, transparent)


def segment(marker: int, content: bytes) -> bytes:
    """A JPEG segment."""
    return bytes((0xFF, marker)) + (len(content) + 2).to_bytes(2, "big") + content


def with_segments(jpeg: bytes, *segments: bytes) -> bytes:
    """A JPEG with segments right after its start."""
    return jpeg[:2] + b"".join(segments) + jpeg[2:]


def chunk(name: bytes, content: bytes) -> bytes:
    """A PNG chunk."""
    checksum = zlib.crc32(name + content)
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", checksum)


def with_chunks(png: bytes, *chunks: bytes, behind: bool = False) -> bytes:
    """A PNG with chunks behind IHDR, or right before IEND."""
    at = len(png) - 12 if behind else 33
    return png[:at] + b"".join(chunks) + png[at:]


def blank_png(width: int, height: int) -> bytes:
    """A whole black PNG, small whatever its size."""
    rows = zlib.compress(bytes(height * (width // 8 + 2)), 9)
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def write(folder: Path, name: str, content: bytes) -> Path:
    """A file in a folder."""
    path = folder / name
    path.write_bytes(content)
    return path
