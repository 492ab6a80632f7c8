"""Videos, as far as their first bytes tell; held against decord 0.6 by hand."""

from __future__ import annotations

import struct
from io import BytesIO
from pathlib import Path

import pytest
from checking_rows import found_in, talk, write
from picture_files import encoded, noise


def chunk(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def avi(frames: int = 8) -> bytes:
    """A film of JPEG pictures, 64x48, four a second; decord reads it."""
    pictures = [encoded(noise(64, 48), "JPEG")] * frames
    header = struct.pack("<14I", 250_000, 0, 0, 16, frames, 0, 1, 9000, 64, 48, 0, 0, 0, 0)
    stream = b"vidsMJPG" + struct.pack(
        "<IHHIIIIIIiIhhhh", 0, 0, 0, 0, 1, 4, 0, frames, 9000, -1, 0, 0, 0, 64, 48
    )
    form = struct.pack("<IiiHH4sIiiII", 40, 64, 48, 1, 24, b"MJPG", 9216, 0, 0, 0, 0)
    streams = chunk(b"LIST", b"strl" + chunk(b"strh", stream) + chunk(b"strf", form))
    out = BytesIO()
    out.write(b"AVI " + chunk(b"LIST", b"hdrl" + chunk(b"avih", header) + streams))
    out.write(chunk(b"LIST", b"movi" + b"".join(chunk(b"00dc", one) for one in pictures)))
    return chunk(b"RIFF", out.getvalue())


def box(kind: bytes, body: bytes = b"") -> bytes:
    return struct.pack(">I", 8 + len(body)) + kind + body


MP4 = box(b"ftyp", b"isom" + bytes(8)) + box(b"moov", bytes(40)) + box(b"mdat", bytes(900))
FILES = {
    "good.avi": (avi(), None),
    "cut.avi": (avi()[:4000], "row.video-cut"),
    "good.mp4": (MP4, None),
    "last.mp4": (box(b"ftyp", bytes(12)) + box(b"mdat", bytes(900)) + box(b"moov"), None),
    "open.mp4": (box(b"ftyp", bytes(12)) + box(b"mdat", bytes(900)), "row.not-a-video"),
    "good.mkv": (b"\x1a\x45\xdf\xa3" + bytes(range(200)), None),
    "picture.mp4": (encoded(noise(40, 30), "JPEG"), "row.not-a-video"),
    "web.mp4": (encoded(noise(40, 30), "WEBP"), "row.not-a-video"),
    "moving.gif": (encoded(noise(40, 30), "GIF"), "row.not-a-video"),
    "page.mp4": (b"<html>404: not found</html>", "row.not-a-video"),
    "pointer.mp4": (b"version https://git-lfs.github.com/spec/v1\nsize 9\n", "row.not-a-video"),
    "zeros.mp4": (bytes(5000), "row.not-a-video"),
    "empty.mp4": (b"", "row.media-empty"),
}


@pytest.mark.parametrize("name", FILES)
def test_first_bytes_of_videos(name: str, tmp_path: Path) -> None:
    content, rule = FILES[name]
    (tmp_path / name).write_bytes(content)
    row = talk("<video>q", videos=[name])
    found = found_in(write(tmp_path / "rows.jsonl", row, talk()))
    assert [(one.rule, one.row, one.path) for one in found] == (
        [] if rule is None else [(rule, 1, "videos.0")]
    )
    if rule is not None:
        assert name in found[0].message


def test_tokens_are_not_exact_with_a_video_among_the_rows(tmp_path: Path) -> None:
    (tmp_path / "good.avi").write_bytes(avi())
    row = talk("<video>q", videos=["good.avi"])
    found = found_in(write(tmp_path / "rows.jsonl", row, talk("r")), max_length=10)
    assert [one.rule for one in found] == ["row.length-unknown"]  # of the second row alone
