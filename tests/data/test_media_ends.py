"""Files that break off: none is missed, and none is called broken that the trainer reads."""

from __future__ import annotations

import random
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.picture_files import (
    chunk,
    encoded,
    noise,
    segment,
    trainer_size,
    turned,
    with_segments,
    write,
)

from vlft.data.media.headers import probe_bytes, probe_picture
from vlft.data.media.problems import MediaProblem, Picture

if TYPE_CHECKING:
    from pathlib import Path

THUMBNAIL = encoded(noise(40, 30), "JPEG")
WHOLE = {
    "baseline JPEG": encoded(noise(160, 120), "JPEG"),
    "progressive JPEG": encoded(noise(160, 120), "JPEG", progressive=True),
    "CMYK JPEG": encoded(noise(90, 70, "CMYK"), "JPEG"),
    "JPEG with a thumbnail": with_segments(
        encoded(noise(160, 120), "JPEG"),
        segment(0xE1, b"Exif\0\0" + turned(6).tobytes()[6:] + THUMBNAIL),
    ),
    "PNG": encoded(noise(90, 70), "PNG"),
    "palette PNG": encoded(noise(90, 70, "P"), "PNG", transparency=3),
    "lossy WebP": encoded(noise(160, 120), "WEBP"),
    "lossless WebP": encoded(noise(60, 50, "RGBA"), "WEBP", lossless=True),
    "WebP with EXIF": encoded(noise(60, 50), "WEBP", exif=turned(3)),
    "GIF": encoded(noise(90, 70, "P"), "GIF"),
    "BMP": encoded(noise(90, 70), "BMP"),
    "TIFF": encoded(noise(90, 70), "TIFF"),
    "packed TIFF": encoded(noise(90, 70), "TIFF", compression="tiff_lzw"),
    "JPEG 2000": encoded(noise(90, 70), "JPEG2000"),
}


@pytest.mark.parametrize("name", WHOLE)
@settings(max_examples=120)
@given(where=st.floats(0, 1, exclude_max=True))
def test_a_cut_is_judged_as_the_trainer_meets_it(name: str, where: float) -> None:
    content = WHOLE[name][: int(len(WHOLE[name]) * where)]
    found = probe_bytes(content, name)
    assert isinstance(found, Picture) == (trainer_size(content) is not None)
    if isinstance(found, MediaProblem):
        assert found.kind in {"truncated", "not_an_image", "empty"}


@pytest.mark.parametrize("name", WHOLE)
def test_the_last_bytes_matter(name: str) -> None:
    whole = WHOLE[name]
    for missing in (1, 2, 3, 4, 8, 12, 13, 20, len(whole) // 2, len(whole) - 5):
        content = whole[:-missing]
        found = probe_bytes(content, name)
        assert isinstance(found, Picture) == (trainer_size(content) is not None), missing


@pytest.mark.parametrize("name", WHOLE)
def test_what_follows_the_end_does_no_harm(name: str) -> None:
    content = WHOLE[name] + b"trailer of a phone" * 9
    assert isinstance(probe_bytes(content, name), Picture) == (trainer_size(content) is not None)


def test_only_the_end_shows_that_a_large_file_is_cut(tmp_path: Path) -> None:
    content = encoded(noise(300, 300), "PNG")
    path = write(tmp_path, "a.png", content[: len(content) // 2])
    found = probe_picture(path)
    assert isinstance(found, MediaProblem)
    assert found.kind == "truncated"
    assert str(path) in found.message
    assert isinstance(probe_picture(path, check_end=False), Picture)


@settings(max_examples=200)
@given(
    st.binary(max_size=300), st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF"])
)
def test_no_bytes_break_it(content: bytes, start: bytes) -> None:
    found = probe_bytes(start + content, "it")
    assert isinstance(found, Picture) == (trainer_size(start + content) is not None)


@pytest.mark.parametrize("name", ["baseline JPEG", "PNG", "lossy WebP", "WebP with EXIF"])
def test_a_changed_header_is_judged_as_the_trainer_meets_it(name: str) -> None:
    chance = random.Random(7)  # noqa: S311
    for _ in range(300):
        content = bytearray(WHOLE[name])
        content[chance.randrange(min(60, len(content)))] = chance.randrange(256)
        found = probe_bytes(bytes(content), name)
        size = trainer_size(bytes(content))
        if isinstance(found, Picture) and size is not None:
            assert (found.width, found.height) == size
        # A header that looks right may still not fit the data behind it: only decoding shows.
        if size is not None:
            assert isinstance(found, Picture)


def test_an_odd_chunk_is_left_to_pillow() -> None:
    content = WHOLE["PNG"]
    spoilt = content[:33] + chunk(b"tEXt", b"a\0b")[:-1] + b"!" + content[33:]
    assert isinstance(probe_bytes(spoilt, "it"), Picture) == (trainer_size(spoilt) is not None)


def test_without_pillow(tmp_path: Path) -> None:
    """The base install has none: its own formats are judged, others say what to install."""
    write(tmp_path, "a.jpg", WHOLE["baseline JPEG"])
    write(tmp_path, "cut.jpg", WHOLE["baseline JPEG"][:-40])
    write(tmp_path, "film.jpg", WHOLE["progressive JPEG"] + b"a film" * 300_000)
    write(tmp_path, "more.png", WHOLE["PNG"] + b"more")
    write(tmp_path, "a.gif", WHOLE["GIF"])
    program = (
        "import sys; sys.modules['PIL'] = None\n"
        "from vlft.data.media.headers import probe_picture\n"
        "for name in ('a.jpg', 'film.jpg', 'more.png', 'cut.jpg', 'a.gif'):\n"
        "    found = probe_picture(name)\n"
        "    print(getattr(found, 'kind', 'fine'), getattr(found, 'hint', ''))\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    *whole, cut, other = run.stdout.splitlines()
    assert [line.strip() for line in whole] == ["fine"] * 3
    assert cut.startswith("truncated")
    assert other.startswith("unreadable")
    assert "vlft[data]" in other
