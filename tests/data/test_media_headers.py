"""Headers against Pillow, on real files of every format that Pillow writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, features
from support.picture_files import (
    MODES,
    blank_png,
    chunk,
    converted,
    encoded,
    noise,
    seen,
    segment,
    trainer_size,
    turned,
    with_chunks,
    with_segments,
    write,
)

from vlft.data.media.headers import probe_bytes, probe_picture
from vlft.data.media.problems import MediaProblem, Picture

if TYPE_CHECKING:
    from pathlib import Path

Image.init()
FORMATS = sorted(set(Image.SAVE) & set(Image.OPEN) - {"BUFR", "GRIB", "HDF5", "WMF"})


def agrees(content: bytes) -> Picture:
    """What the probe says of a good file, once it is shown to be what Pillow says."""
    found = probe_bytes(content, "it")
    assert isinstance(found, Picture), found
    assert (found.width, found.height) == trainer_size(content)
    expected = seen(content)
    if expected.form != "TIFF":  # turned by Pillow itself
        assert found.orientation == (expected.orientation if expected.orientation < 9 else 1)
    assert found.transparent == expected.transparent
    assert found.format == ("JPEG" if expected.form == "MPO" else expected.form)
    assert (found.bits > 8) == (expected.mode.startswith("I") or expected.mode == "F")
    assert found.size == len(content)
    return found


def writable() -> list[tuple[str, str]]:
    """Every format with every mode that it takes."""
    pairs = []
    for form in FORMATS:
        for mode in MODES:
            try:
                encoded(converted(Image.new("RGB", (64, 64)), mode), form)
            except (OSError, ValueError, KeyError, TypeError, RuntimeError):
                continue
            pairs.append((form, mode))
    return pairs


# EPS is drawn by another program; Pillow fails an assertion of its own on what is left.
LEFT_OUT = {("ICNS", "P")}


@pytest.mark.parametrize(
    ("form", "mode"), [pair for pair in writable() if pair[0] != "EPS" and pair not in LEFT_OUT]
)
def test_every_format_and_mode_that_pillow_writes(form: str, mode: str) -> None:
    # Icons know only some sizes; MSP only multiples of 8.
    size = (64, 64) if form in {"ICO", "ICNS"} else (56, 72)
    agrees(encoded(noise(*size, mode), form))


def test_formats_that_only_some_installations_have_are_tested() -> None:
    assert {"JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"} <= {form for form, _ in writable()}
    assert features.check("avif") == ("AVIF" in {form for form, _ in writable()})


@settings(max_examples=150)
@given(
    st.integers(1, 400),
    st.integers(1, 400),
    st.sampled_from(["L", "RGB", "CMYK"]),
    st.integers(0, 9),
    st.booleans(),
    st.integers(20, 95),
    st.booleans(),
)
def test_jpeg(
    width: int, height: int, mode: str, way: int, progressive: bool, quality: int, profile: bool
) -> None:
    options: dict[str, object] = {"progressive": progressive, "quality": quality}
    if profile:
        options["icc_profile"] = b"icc" * 30_000
    if way:
        options["exif"] = turned(way)
    found = agrees(encoded(noise(width, height, mode), "JPEG", **options))
    assert found.orientation == (way if way in range(1, 9) else 1)


@settings(max_examples=150)
@given(
    st.integers(1, 300),
    st.integers(1, 300),
    st.sampled_from(["1", "L", "LA", "P", "RGB", "RGBA", "I;16"]),
    st.integers(0, 8),
    st.sampled_from([None, 0, b"\x00\x80\xff"]),
    st.booleans(),
)
def test_png(width: int, height: int, mode: str, way: int, clear: object, profile: bool) -> None:
    options: dict[str, object] = {"exif": turned(way)} if way else {}
    if clear is not None and (mode == "P" or (mode in {"1", "L"} and clear == 0)):
        options["transparency"] = clear
    if profile:
        options["icc_profile"] = b"icc" * 30_000
    agrees(encoded(noise(width, height, mode), "PNG", **options))


@settings(max_examples=100)
@given(
    st.integers(1, 200),
    st.integers(1, 200),
    st.sampled_from(["RGB", "RGBA"]),
    st.integers(0, 8),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
def test_webp(
    width: int,
    height: int,
    mode: str,
    way: int,
    lossless: bool,
    clear: bool,
    profile: bool,
    moving: bool,
) -> None:
    picture = noise(width, height, mode)
    if clear and mode == "RGBA":
        picture.putalpha(90)
    options: dict[str, object] = {"lossless": lossless, "method": 0}
    if way:
        options["exif"] = turned(way).tobytes()
    if profile:
        options["icc_profile"] = b"icc" * 3_000
    if moving:
        options |= {"save_all": True, "append_images": [noise(width, height, mode)]}
    agrees(encoded(picture, "WEBP", **options))


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP", "TIFF", "AVIF", "MPO"])
def test_pictures_that_move(form: str) -> None:
    if form == "AVIF" and not features.check("avif"):
        pytest.skip("this Pillow has no AVIF")
    frames = [noise(60, 40), noise(60, 40)]
    agrees(encoded(frames[0], form, save_all=True, append_images=frames[1:]))


def test_a_camera_file_with_more_than_64_kb_before_its_size() -> None:
    jpeg = encoded(noise(300, 200), "JPEG", exif=turned(6))
    exif_first = with_segments(jpeg[:2] + jpeg[20:], jpeg[2:20])
    for base in (jpeg, exif_first):
        content = with_segments(
            base,
            segment(0xE1, b"Exif\0\0" + turned(8).tobytes()[6:] + b"\0" * 40_000),
            *[segment(0xE2, b"MPF-like" + bytes(60_000))] * 3,
        )
        assert agrees(content).orientation == 8


@pytest.mark.parametrize("order", ["<", ">"])
def test_orientation_in_either_order_of_bytes(order: str) -> None:
    import struct

    start = {"<": b"II*\0", ">": b"MM\0*"}[order]
    block = start + struct.pack(order + "IHHHIHHI", 8, 1, 0x112, 3, 1, 5, 0, 0)
    content = with_segments(encoded(noise(30, 20), "JPEG"), segment(0xE1, b"Exif\0\0" + block))
    assert agrees(content).orientation == 5


def test_orientation_that_only_xmp_gives() -> None:
    packet = b'<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    jpeg = encoded(noise(30, 20), "JPEG")
    named = b"http://ns.adobe.com/xap/1.0/\0" + packet
    assert agrees(with_segments(jpeg, segment(0xE1, named))).orientation == 6
    png = encoded(noise(30, 20), "PNG")
    text = chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + packet)
    assert agrees(with_chunks(png, text)).orientation == 6
    webp = encoded(noise(30, 20), "WEBP", xmp=packet)
    assert agrees(webp).orientation == 6


def test_exif_behind_the_picture_of_a_png() -> None:
    exif = chunk(b"eXIf", turned(6).tobytes().removeprefix(b"Exif\0\0"))
    assert agrees(with_chunks(encoded(noise(30, 20), "PNG"), exif, behind=True)).orientation == 6


def test_exif_as_text_of_a_png() -> None:
    raw = turned(6).tobytes().hex().encode()
    text = chunk(b"tEXt", b"Raw profile type exif\0\nexif\n      34\n" + raw)
    assert agrees(with_chunks(encoded(noise(30, 20), "PNG"), text)).orientation == 6


def test_broken_exif_is_no_orientation() -> None:
    for block in (b"", b"II*\0", b"II*\0\xff\xff\xff\xff", b"MM\0*\0\0\0\x08\xff\xff"):
        content = with_segments(encoded(noise(9, 9), "JPEG"), segment(0xE1, b"Exif\0\0" + block))
        found = probe_bytes(content, "it")
        assert isinstance(found, Picture)
        assert found.orientation == 1


def test_16_bit_pictures() -> None:
    assert agrees(encoded(noise(20, 20, "I;16"), "PNG")).bits == 16
    assert agrees(encoded(noise(20, 20, "I;16"), "TIFF")).bits == 16
    colour = with_depth_16()
    assert agrees(colour).bits == 8  # Pillow reduces it properly


def with_depth_16() -> bytes:
    import struct
    import zlib

    head = struct.pack(">IIBBBBB", 2, 1, 16, 2, 0, 0, 0)
    rows = zlib.compress(b"\0" + b"\x80\0" * 6)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def test_a_turned_tiff_is_what_pillow_makes_of_it() -> None:
    found = agrees(encoded(noise(40, 20), "TIFF", exif=turned(6)))
    assert (found.width, found.height, found.orientation) == (20, 40, 1)


def test_text_that_pillow_refuses_to_unpack() -> None:
    import zlib

    bomb = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"x" * (2 << 20), 9))
    content = with_chunks(encoded(noise(20, 20), "PNG"), bomb)
    assert trainer_size(content) is None
    assert isinstance(probe_bytes(content, "it"), MediaProblem)


@pytest.mark.parametrize(("side", "opens"), [(13_377, True), (13_378, False)])
def test_decompression_bombs(tmp_path: Path, side: int, opens: bool) -> None:
    content = blank_png(side, side)
    found = probe_picture(write(tmp_path, "big.png", content))
    assert isinstance(found, Picture) == opens
    assert (trainer_size(content) is not None) == opens
    if isinstance(found, MediaProblem):
        assert found.kind == "too_large"
        assert f"{side}x{side}" in found.message


def test_a_path_and_its_bytes_say_the_same(tmp_path: Path) -> None:
    """A path and its bytes give the same but for the path."""
    path = write(tmp_path, "a.jpg", encoded(noise(31, 17), "JPEG"))
    by_path, by_bytes = probe_picture(path), probe_bytes(path.read_bytes(), "a")
    assert isinstance(by_path, Picture)
    assert isinstance(by_bytes, Picture)
    assert by_path.path == str(path)
    assert by_path.head_hash == by_bytes.head_hash
    assert (by_path.width, by_path.height) == (by_bytes.width, by_bytes.height) == (31, 17)
