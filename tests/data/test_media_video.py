"""Video files as each reader has them; tests/real_swift/test_tokens_same.py asks the readers."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from support.data_rows import found_in, talk, write
from support.picture_files import encoded, noise
from support.video_files import avi, chunk, odd_videos, video

from vlft.data.check import check_files, quick_check
from vlft.data.findings import RowFinding
from vlft.data.media.video import Film, VideoReader, is_film, look_at_film, video_reader
from vlft.data.settings import CheckSettings
from vlft.models import VideoFile, family_of


def box(kind: bytes, body: bytes = b"") -> bytes:
    return (8 + len(body)).to_bytes(4, "big") + kind + body


PICTURES = [encoded(noise(64, 48), "JPEG")] * 8
WHOLE = avi(PICTURES, (64, 48))
FILES = {
    "good.avi": (WHOLE, None),
    "open.mp4": (box(b"ftyp", bytes(12)) + box(b"mdat", bytes(900)), "row.not-a-video"),
    "hollow.mp4": (
        box(b"ftyp", b"isom" + bytes(8)) + box(b"moov", bytes(40)) + box(b"mdat", bytes(900)),
        "row.video-unreadable",
    ),
    "noise.mkv": (b"\x1a\x45\xdf\xa3" + bytes(range(200)), "row.video-unreadable"),
    "picture.mp4": (encoded(noise(40, 30), "JPEG"), "row.not-a-video"),
    "web.mp4": (encoded(noise(40, 30), "WEBP"), "row.not-a-video"),
    "moving.gif": (encoded(noise(40, 30), "GIF"), "row.not-a-video"),
    "page.mp4": (b"<html>404: not found</html>", "row.not-a-video"),
    "pointer.mp4": (b"version https://git-lfs.github.com/spec/v1\nsize 9\n", "row.not-a-video"),
    "zeros.mp4": (bytes(5000), "row.not-a-video"),
    "empty.mp4": (b"", "row.media-empty"),
}


@pytest.mark.parametrize("name", FILES)
def test_what_is_no_video(name: str, tmp_path: Path) -> None:
    content, rule = FILES[name]
    (tmp_path / name).write_bytes(content)
    row = talk("<video>q", videos=[name])
    found = found_in(write(tmp_path / "rows.jsonl", row, talk()))
    assert [(one.rule, one.row, one.path) for one in found] == (
        [] if rule is None else [(rule, 1, "videos.0")]
    )
    if rule is not None:
        assert name in found[0].message


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return odd_videos(tmp_path_factory.mktemp("films"))


def look(path: Path, reader: VideoReader = "decord") -> Film:
    return look_at_film(str(path), path.name, reader)


def kind(path: Path, reader: VideoReader) -> str | None:
    problem = look(path, reader).problem
    return problem.kind if problem else None


NTSC = 30_000 / 1001
SEEN = {
    "b frames": (48, 10.0, 160, 120),
    "mkv": (48, 10.0, 160, 120),
    "webm, ntsc": (61, NTSC, 64, 48),
    "mpeg4, avi": (20, NTSC, 64, 48),
    "uneven, mkv": (30, 30.0, 64, 48),
    "fragments": (30, 10.0, 64, 48),
    "sound, mkv": (20, 10.0, 64, 48),
    "one frame": (1, 10.0, 64, 48),
    "fast": (30, 1000.0, 64, 48),
    "odd size": (20, 10.0, 37, 53),
    "turned": (48, 10.0, 120, 160),
    "turned back": (48, 10.0, 120, 160),
    "upside down": (48, 10.0, 160, 120),
    "tilted": (48, 10.0, 160, 120),
    "short edit": (48, 10.0, 160, 120),
    "mkv, no rate": (48, 10.0, 160, 120),
}


@pytest.mark.parametrize("name", SEEN)
def test_frames_rate_and_size_as_decord_has_them(name: str, films: dict[str, Path]) -> None:
    assert look(films[name]) == Film(VideoFile(*SEEN[name]))


def test_transformers_reads_by_the_header_and_turns_nothing(films: dict[str, Path]) -> None:
    assert look(films["turned"], "pyav").file == VideoFile(48, 10.0, 160, 120)
    assert look(films["gif"], "pyav").file == VideoFile(20, 10.0, 64, 48)
    assert look(films["av1"], "pyav").file == VideoFile(20, 10.0, 64, 48)
    shown = look(films["short edit"], "pyav").file
    assert shown is not None
    assert shown.frames < 48, "what an edit list hides is not shown"
    for name in ("mkv", "webm, ntsc", "fragments"):
        problem = look(films[name], "pyav").problem
        assert problem is not None
        assert "does not count its frames" in problem.message


OF_TORCHCODEC: dict[str, tuple[int, float, int, int]] = {
    "b frames": (48, 10.0, 160, 120),
    "short edit": (6, 10.0, 160, 120),
    "uneven, mkv": (30, 6.997900629811057, 64, 48),
    "live": (20, 10.0, 64, 48),
    "gif": (20, 10.0, 64, 48),
    "av1": (20, 10.0, 64, 48),
    "narrow": (20, 10.0, 48, 64),
}


@pytest.mark.parametrize("name", OF_TORCHCODEC)
def test_frames_as_torchcodec_has_them(name: str, films: dict[str, Path]) -> None:
    """Each of these was seen with torchcodec 0.17 on FFmpeg 8."""
    assert look(films[name], "torchcodec") == Film(VideoFile(*OF_TORCHCODEC[name]))


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("av1", "AV1"),
        ("live", "neither its frames nor its length"),
        ("mkv, no length", "neither its frames nor its length"),
        ("sound alone", "no track of pictures"),
        ("narrow", "48 pixels wide"),
        ("cut mp4", "cut off"),
    ],
)
def test_what_decord_refuses(name: str, says: str, films: dict[str, Path]) -> None:
    film = look(films[name])
    assert film.file is None
    assert film.problem is not None
    assert film.problem.kind == "video_unreadable"
    assert says in film.problem.message
    fallen_back = look(films[name], "decord_or_torchvision").problem
    assert fallen_back is not None
    assert fallen_back.kind == "video_unjudged"


def test_a_header_that_counts_wrongly_does_no_harm(tmp_path: Path) -> None:
    for told in (3, 99):
        (tmp_path / "told.avi").write_bytes(avi(PICTURES, (64, 48), told))
        assert look(tmp_path / "told.avi") == Film(VideoFile(8, 4.0, 64, 48))


def test_files_that_break_off(films: dict[str, Path], tmp_path: Path) -> None:
    film = look(films["cut mkv"])
    assert film.file is not None
    assert film.file.frames < 48
    assert film.problem is not None
    assert film.problem.kind == "short_video"
    assert f"{film.file.frames} frames of it are trained on" in film.problem.message
    cut = tmp_path / "cut.avi"
    cut.write_bytes(WHOLE[: len(WHOLE) // 2])
    assert kind(cut, "decord_bytes") == "cut_video", "there it may end the process"
    assert kind(cut, "decord") in {"short_video", "video_unreadable"}
    long = tmp_path / "long.avi"
    long.write_bytes(WHOLE[:-2])
    assert kind(long, "decord") in {"short_video", "video_unreadable"}


def test_what_can_not_be_told(tmp_path: Path, films: dict[str, Path]) -> None:
    assert kind(video(tmp_path / "a.ts", "mpeg2video", rate=25), "decord") == "video_unjudged"
    assert kind(films["b frames"], "other") == "video_unjudged"
    assert kind(films["narrow"], "decord_bytes") == "video_unjudged"
    assert kind(films["turned"], "torchcodec") == "video_unjudged"
    assert kind(films["mpeg4, avi"], "torchcodec") == "video_unjudged"
    assert kind(films["b frames"], "none") == "no_video_reader"


def test_without_pyav(
    films: dict[str, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    problem = look(films["b frames"]).problem
    assert problem is not None
    assert problem.kind == "video_unjudged"
    assert "vlft[data]" in problem.hint
    assert kind(films["cut mp4"], "decord") == "video_unreadable"
    row = talk("<video>q", videos=[str(films["b frames"])])
    found = found_in(write(tmp_path / "rows.jsonl", row, talk()), max_length=10**6)
    assert [(one.rule, one.severity) for one in found] == [("row.video-unjudged", "info")]


def test_what_a_file_is_meant_as(films: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "page.mp4").write_text("<html>")
    (tmp_path / "a.jpg").write_bytes(PICTURES[0])
    assert is_film(str(films["mkv"]))
    assert is_film(str(tmp_path / "page.mp4"))
    assert not is_film(str(films["gif"])), "a picture, unless a row says otherwise"
    assert not is_film(str(tmp_path / "a.jpg"))
    assert not is_film(str(tmp_path / "none.mp4"))
    for name in ("a.avif", "a"):
        (tmp_path / name).write_bytes(box(b"ftyp", b"avif" + bytes(8)) + box(b"meta", bytes(40)))
        assert not is_film(str(tmp_path / name))
    (tmp_path / "nameless").write_bytes(films["mkv"].read_bytes())
    assert is_film(str(tmp_path / "nameless"))


QWEN = {"decord": "0.6.0", "torchvision": "0.26.0"}
READERS: list[tuple[str | None, dict[str, str], dict[str, str] | None, VideoReader]] = [
    (None, {}, None, "decord"),
    ("qwen2_vl", {}, QWEN, "decord"),
    ("qwen2_vl", {}, QWEN | {"torchvision": "0.25.1+cu126"}, "decord_or_torchvision"),
    ("qwen2_vl", {}, QWEN | {"torchcodec": "0.17"}, "torchcodec"),
    ("qwen2_vl", {}, {"torchcodec": "0.8", "torchvision": "0.25"}, "torchcodec_or_torchvision"),
    ("qwen2_vl", {"FORCE_QWENVL_VIDEO_READER": "decord"}, QWEN | {"torchcodec": "1"}, "decord"),
    ("qwen2_vl", {"FORCE_QWENVL_VIDEO_READER": "torchvision"}, QWEN, "none"),
    ("qwen2_vl", {}, {"torchvision": "0.26.0"}, "none"),
    ("qwen2_vl", {}, {"torchvision": "0.21.0"}, "other"),
    ("internvl_chat", {}, None, "decord_bytes"),
    ("internvl_chat", {}, {}, "none"),
    ("internvl", {}, None, "pyav"),
    ("internvl", {}, {}, "none"),
    ("internvl", {"VIDEO_LOAD_BACKEND": "decord"}, QWEN, "decord"),
    ("internvl", {"VIDEO_LOAD_BACKEND": "opencv"}, None, "other"),
]


@pytest.mark.parametrize(("model", "variables", "packages", "reader"), READERS)
def test_which_package_reads(
    model: str | None,
    variables: dict[str, str],
    packages: dict[str, str] | None,
    reader: VideoReader,
) -> None:
    assert video_reader(model, variables, packages) == reader


def rules_of_internvl(file: Path) -> list[str]:
    return [one.rule for one in found_by(file, "internvl_chat", "decord_bytes")]


def found_by(
    file: Path, model: str, reader: VideoReader, max_length: int | None = None
) -> list[RowFinding]:
    settings = CheckSettings(
        cwd=file.parent, family=family_of(model), video_reader=reader, max_length=max_length
    )
    with check_files([str(file)], settings) as report:
        return list(report.findings)


def test_rows_with_videos_are_counted(films: dict[str, Path], tmp_path: Path) -> None:
    """160x120, ten a second: 8 frames of 48, four steps of 128 tokens and more for Qwen2-VL."""
    row = talk("<video>q", videos=[str(films["b frames"])])
    file = write(tmp_path / "rows.jsonl", row, talk("r"))
    (found,) = found_in(file, max_length=400)
    assert (found.rule, found.row, found.fate) == ("row.too-long", 1, "replaced")
    assert "in its videos alone" in found.message
    assert "pixels.video" in (found.hint or "")
    assert found_in(file, max_length=2000) == []
    (native,) = found_by(file, "internvl_chat", "decord_bytes", 2047)
    assert (native.rule, native.message[:27]) == ("row.too-long", "the row has 2048 tokens in ")
    assert "VIDEO_SEGMENTS" in (native.hint or "")
    (whole,) = found_by(file, "internvl", "pyav", 12_000)
    assert (whole.rule, whole.message[:28]) == ("row.too-long", "the row has 12288 tokens in ")
    assert "all of it is taken" in (whole.hint or "")


def test_a_video_of_one_frame(films: dict[str, Path], tmp_path: Path) -> None:
    row = talk("<video>q", videos=[str(films["one frame"])])
    file = write(tmp_path / "rows.jsonl", row, talk())
    (found,) = found_in(file)
    assert (found.rule, found.fate) == ("row.video-size", "replaced")
    assert "at least 2 are needed" in found.message
    assert rules_of_internvl(file) == [], "it is taken eight times"


def test_frames_as_a_list(tmp_path: Path) -> None:
    names = []
    for number in range(3):
        (tmp_path / f"{number}.jpg").write_bytes(PICTURES[0])
        names.append(f"{number}.jpg")
    file = write(tmp_path / "rows.jsonl", talk("<video>q", videos=[names]))
    assert found_in(file) == []
    assert rules_of_internvl(file) == ["row.video-unreadable"]


def test_a_folder_of_odd_chunks_is_no_film(tmp_path: Path) -> None:
    """Lengths that point nowhere end the search, not the program."""
    for number, content in enumerate(
        (
            box(b"ftyp", bytes(4)) + b"\0\0\0\1moov" + b"\xff" * 8,
            box(b"ftyp") + b"\0\0\0\2moov",
            b"\x1a\x45\xdf\xa3\x01",
            chunk(b"RIFF", b"AVI "),
        )
    ):
        path = tmp_path / f"{number}.mp4"
        path.write_bytes(content)
        assert look(path).file is None


def test_the_default_reader_is_that_of_the_extra() -> None:
    assert CheckSettings().video_reader == video_reader(None, {}, None)


def test_the_glance_looks_for_videos(films: dict[str, Path], tmp_path: Path) -> None:
    rows = [talk("<video>q", videos=[str(films["mkv"])]), talk("<video>q", videos=["gone.mp4"])]
    file = write(tmp_path / "rows.jsonl", *rows)
    found = quick_check([str(file)], CheckSettings(cwd=tmp_path))
    assert [(one.rule, one.row, one.path) for one in found] == [
        ("row.media-missing", 2, "videos.0")
    ]
