"""References, looked up where ms-swift looks; the real function is asked in tests/real_swift."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest
from support.picture_files import encoded, noise, write
from support.video_files import video

from vlft.data.media.headers import probe_picture
from vlft.data.media.problems import MediaProblem, Picture
from vlft.data.media.resolve import MediaProbe

JPEG = encoded(noise(40, 30), "JPEG")


def kind(found: Picture | MediaProblem) -> str:
    return found.kind if isinstance(found, MediaProblem) else "fine"


def test_relative_paths_start_from_the_working_directory_then_the_root(tmp_path: Path) -> None:
    work, root = tmp_path / "work", tmp_path / "root"
    work.mkdir()
    root.mkdir()
    write(work, "both.jpg", encoded(noise(11, 11), "JPEG"))
    write(root, "both.jpg", encoded(noise(22, 22), "JPEG"))
    write(root, "there.jpg", encoded(noise(33, 33), "JPEG"))
    probe = MediaProbe(work, root)
    both, there = probe.look("both.jpg"), probe.look(" there.jpg ")
    assert isinstance(both, Picture)
    assert isinstance(there, Picture)
    assert (both.width, there.width) == (11, 33)
    assert both.path == str(work / "both.jpg")
    assert there.path == str(root / "there.jpg")
    assert kind(MediaProbe(work, None).look("there.jpg")) == "missing"


def test_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    write(tmp_path, "a.jpg", JPEG)
    assert kind(MediaProbe(Path("/"), None).look("~/a.jpg")) == "fine"
    assert kind(MediaProbe(Path("/"), tmp_path).look("~/a.jpg")) == "missing"


def test_problems(tmp_path: Path) -> None:
    write(tmp_path, "empty.jpg", b"")
    write(tmp_path, "words.jpg", b"hello, this is text")
    write(tmp_path, "cut.jpg", JPEG[:-9])
    (tmp_path / "folder.jpg").mkdir()
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "nowhere.jpg").symlink_to(tmp_path / "gone")
    (tmp_path / "round.jpg").symlink_to(tmp_path / "round.jpg")
    probe = MediaProbe(tmp_path, None)
    expected = {
        "empty.jpg": "empty",
        "words.jpg": "not_an_image",
        "cut.jpg": "truncated",
        "folder.jpg": "folder",
        "": "folder",
        "pipe.jpg": "not_an_image",
        "/dev/zero": "not_an_image",
        "nowhere.jpg": "missing",
        "round.jpg": "missing",
        "gone.jpg": "missing",
        "empty.jpg/x.jpg": "missing",
        "a\0b": "missing",
        "x" * 1999: "base64",
        "n" * 300 + ".jpg": "missing",
        "http://example.com/a.jpg": "url",
        "httpd.jpg": "url",
        "file:///a.jpg": "missing",
        "data:image/png,abc": "base64",
        "data:image/png;base64,AAAA": "base64",
        "é.jpg": "missing",
    }
    assert {name: kind(probe.look(name)) for name in expected} == expected


def test_messages_are_in_the_manner_of_the_house(tmp_path: Path) -> None:
    probe = MediaProbe(tmp_path, None)
    for reference in ("gone.jpg", "", "http://x/a.jpg", "data:,", "/dev/zero", "A" * 400):
        found = probe.look(reference)
        assert isinstance(found, MediaProblem)
        for text in (found.message, found.hint):
            assert text
            assert not text.endswith(".")
            assert len(text) < 400
        assert found.message[0] == found.message[0].lower() or found.message.startswith("A")
    gone = probe.look("gone.jpg")
    assert isinstance(gone, MediaProblem)
    assert "gone.jpg" in gone.message
    assert str(tmp_path) in gone.hint


def test_a_missing_path_that_decodes_is_told_with_what_ms_swift_will_say(tmp_path: Path) -> None:
    probe = MediaProbe(tmp_path, None)
    decodes, other = probe.look("images/horses.jpg"), probe.look("images/cats.jpg")
    assert isinstance(decodes, MediaProblem)
    assert isinstance(other, MediaProblem)
    assert decodes.kind == other.kind == "missing"
    assert ("cannot identify" in decodes.hint, "cannot identify" in other.hint) == (True, False)


def test_pictures_inside_the_row(tmp_path: Path) -> None:
    text = base64.b64encode(JPEG).decode()
    probe = MediaProbe(tmp_path, None)
    for reference in (text, f"data:image/jpeg;base64,{text}", JPEG, f"  {text}\n"):
        found = probe.look(reference)
        assert isinstance(found, Picture)
        assert (found.width, found.height, found.path) == (40, 30, "")
    assert (
        kind(probe.look("data:image/jpeg;base64," + text[: len(text) // 2 // 4 * 4])) == "truncated"
    )
    assert kind(probe.look(base64.b64encode(b"no picture" * 20).decode())) == "base64"


def test_an_unreadable_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, "a.jpg", JPEG)
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read everything")
    assert kind(probe_picture(path)) == "unreadable"


def test_many_are_looked_up_like_one_by_one(tmp_path: Path) -> None:
    for number in range(60):
        write(tmp_path, f"{number}.jpg", encoded(noise(number + 1, 5), "JPEG"))
    names = [f"{number}.jpg" for number in range(70)] * 2
    probe = MediaProbe(tmp_path, None)
    assert probe.look_many(names) == [MediaProbe(tmp_path, None).look(name) for name in names]
    probe.close()


def test_many_with_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a cold disk: the limit is set so low that every disk is one."""
    monkeypatch.setattr("vlft.data.media.resolve._COLD", 0.0)
    for number in range(200):
        form = ("JPEG", "GIF", "PNG", "TIFF")[number % 4]
        write(tmp_path, str(number), encoded(noise(number + 1, 5), form))
    names = [str(number) for number in range(210)]
    probe = MediaProbe(tmp_path, None)
    found = probe.look_many(names)
    assert [one.width for one in found if isinstance(one, Picture)] == list(range(1, 201))
    assert {kind(one) for one in found[200:]} == {"missing"}
    probe.close()


def test_same_contents_have_the_same_key(tmp_path: Path) -> None:
    large, other = encoded(noise(200, 200), "BMP"), bytearray(encoded(noise(200, 200), "BMP"))
    other[:5000] = large[:5000]  # the same size and the same first 4 KiB
    names = ["a", "b", "c", "d", "e", "f"]
    contents = [large, bytes(other), large, bytes(other), JPEG, JPEG]
    for name, content in zip(names, contents, strict=True):
        write(tmp_path, name, content)
    probe = MediaProbe(tmp_path, None)
    keys = []
    for name in [*names, *names]:
        found = probe.look(name)
        assert isinstance(found, Picture)
        keys.append(probe.content_key(found))
    a, b, c, d, e, f = keys[:6]
    assert a == c != b == d
    assert e == f not in (a, b)
    assert keys[:6] == keys[6:]


def test_videos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    video(tmp_path / "a.mp4", "mpeg4")
    write(tmp_path, "empty.mp4", b"")
    (tmp_path / "folder.mp4").mkdir()
    probe = MediaProbe(tmp_path, None)

    in_memory = MediaProbe(tmp_path, None, video_reader="decord_bytes")

    def said(name: str, probe: MediaProbe = probe) -> str:
        found = probe.look_video(name).problem
        return found.kind if found else "fine"

    assert said("a.mp4") == said(str(tmp_path / "a.mp4")) == "fine"
    assert said("~/a.mp4") == "missing"
    assert said("~/a.mp4", in_memory) == "fine"
    assert said("empty.mp4") == "empty"
    assert said("folder.mp4") == "folder"
    assert said("gone.mp4") == "missing"
    assert said("http://example.com/a.mp4") == "url"
    assert said("data:video/mp4;base64,AAAA") == "video_unreadable"
    assert said("data:video/mp4;base64,AAAA", in_memory) == "video_unjudged"
    assert said("a.mp4", MediaProbe(Path("/"), tmp_path)) == "fine"
    assert probe.look_video("a.mp4") is probe.look_video("a.mp4"), "a file is read once"


def test_what_is_remembered_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the number of references, and none of them is a picture itself."""
    monkeypatch.setattr("vlft.data.media.resolve.KEPT", 10)
    probe = MediaProbe(tmp_path, None)
    write(tmp_path, "0", JPEG)
    first = probe.look("0")
    assert probe.look("0") is first
    for number in range(1, 20):
        probe.look(str(number))
    assert probe.look("0") == first
    assert probe.look("0") is not first
    long = base64.b64encode(JPEG * 4).decode()
    assert probe.look(long) is not probe.look(long)
