"""`vlft tokens`, run as a process."""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:  # several folders have a module of this name
    from conftest import MakeModel, Vlft, WriteConfig


def png(file: Path, width: int, height: int) -> Path:
    """A PNG of one colour."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        check = zlib.crc32(kind + body)
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    lines = (b"\0" + bytes(3 * width)) * height
    file.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(lines))
        + chunk(b"IEND", b"")
    )
    return file


def read(vlft: Vlft, *words: str, code: int = 0, **env: str) -> list[dict[str, Any]]:
    done = vlft("tokens", *words, "--format", "json", **env)
    assert done.code == code, done.err
    found: list[dict[str, Any]] = json.loads(done.out)
    return found


def test_one_size_is_explained(vlft: Vlft) -> None:
    done = vlft("tokens", "--model", "qwen2_vl", "500x336")
    assert done.code == 0, done.err
    assert done.out == (
        "Qwen2-VL\n"
        "a picture: 500×336 pixels\n"
        "  → resized to 504×336: multiples of 28, 3136 to 12845056 pixels\n"
        "  → 1×24×36 patches of 14×14 pixels\n"
        "  → 216 tokens, one for 2×2 patches\n"
        "  → <|vision_start|> + 216 × <|image_pad|> + <|vision_end|>: 218 tokens of the row\n"
    )


def test_several_are_a_table(vlft: Vlft) -> None:
    done = vlft("tokens", "--model", "qwen2_vl", "500x336", "1120x1120", "900x3")
    lines = done.out.splitlines()
    assert lines[1].split() == ["picture", "resized", "patches", "tokens", "hf", "alone"]
    assert lines[2].split() == ["500×336", "504×336", "36×24", "216", "216"]
    assert "one side is 300.00 times the other" in lines[4]
    assert lines[5] == "2 pictures, 1816 tokens: least 216, median 908, most 1600"


def test_json_of_qwen(vlft: Vlft) -> None:
    assert read(vlft, "--model", "qwen2_5_vl", "500x336", "1x900") == [
        {
            "width": 500,
            "height": 336,
            "resized": [336, 504],
            "grid_thw": [1, 24, 36],
            "tokens": 216,
            "hf_tokens": 216,
            "error": None,
        },
        {
            "width": 1,
            "height": 900,
            "resized": None,
            "grid_thw": None,
            "tokens": None,
            "hf_tokens": None,
            "error": "one side is 900.00 times the other; at most 200 times is allowed",
        },
    ]


def test_json_of_internvl(vlft: Vlft) -> None:
    assert read(vlft, "--model", "internvl_chat", "500x336", "--max-num", "6") == [
        {
            "width": 500,
            "height": 336,
            "resized": [896, 1344],
            "tiles": 7,
            "grid": [3, 2],
            "tokens": 1792,
            "hf_tokens": 1792,
            "error": None,
        }
    ]


def test_limits_of_the_command_line_are_those_of_a_config(
    vlft: Vlft, write_config: WriteConfig
) -> None:
    flags = ("--max-pixels", "256*28*28", "--min-pixels", "3136")
    by_flag = read(vlft, "--model", "qwen2_vl", "300x850", *flags)
    assert by_flag[0]["tokens"] == 234
    write_config("launch: {gpus: none}\npixels: {max: 256*28*28}\n")
    assert read(vlft, "--config", "config.yaml", "300x850") == by_flag
    overridden = read(vlft, "--config", "config.yaml", "--set", "pixels.max=50176", "300x850")
    assert overridden[0]["tokens"] < 64
    write_config("launch: {gpus: none}\nswift: {max_pixels: 200704}\n")
    assert read(vlft, "--config", "config.yaml", "300x850")[0]["tokens"] == 270


def test_tiles_of_a_config(vlft: Vlft, tmp_path: Path, make_model: MakeModel) -> None:
    make_model(tmp_path / "InternVL3-1B", {"model_type": "internvl_chat"})
    (tmp_path / "train.jsonl").write_text("{}\n")
    (tmp_path / "c.yaml").write_text(
        "model: {path: InternVL3-1B}\ndata: {train: [train.jsonl]}\n"
        "launch: {gpus: none}\npixels: {tiles: 4}\n"
    )
    assert read(vlft, "--config", "c.yaml", "1000x1000")[0]["tiles"] == 5


def test_variables_of_the_caller_count(vlft: Vlft) -> None:
    found = read(vlft, "--model", "qwen2_vl", "300x850", MAX_PIXELS="200704")
    assert found[0]["tokens"] == 234
    flag, variable = ("--max-pixels", "16*28*28"), "IMAGE_MAX_TOKEN_NUM"
    found = read(vlft, "--model", "qwen2_vl", "300x850", *flag, **{variable: "256"})
    assert found[0]["tokens"] <= 16


def test_rows_of_a_file_with_their_own_limits(vlft: Vlft, tmp_path: Path) -> None:
    rows = [
        {"width": 300, "height": 1200, "max_pixels": 200_804},
        {"width": 300, "height": 1200, "min_pixels": None},
        {"width": 20, "height": 20, "min_pixels": 12_544, "id": 3},
    ]
    (tmp_path / "sizes.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n\n")
    found = read(vlft, "--model", "qwen2_vl", "--from", "sizes.jsonl")
    assert [one["tokens"] for one in found] == [256, 473, 16]
    tiles = [{"width": 1000, "height": 1000, "max_num": most} for most in (1, 4, 12)]
    (tmp_path / "tiles.jsonl").write_text("\n".join(map(json.dumps, tiles)))
    found = read(vlft, "--model", "internvl", "--from", "tiles.jsonl")
    assert [one["tiles"] for one in found] == [1, 5, 10]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "sizes.jsonl:2: no JSON"),
        ("[1]", "sizes.jsonl:2: no object"),
        ('{"width": 3}', "sizes.jsonl:2: `height` is None"),
        ('{"width": 3, "height": 0}', "sizes.jsonl:2: `height` is 0"),
        ('{"width": 3, "height": 4, "max_num": "a"}', "sizes.jsonl:2: `max_num` is 'a'"),
    ],
)
def test_a_line_that_is_wrong(vlft: Vlft, tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / "sizes.jsonl").write_text('{"width": 3, "height": 4}\n' + line)
    done = vlft("tokens", "--model", "qwen2_vl", "--from", "sizes.jsonl")
    assert done.code == 1
    assert message in done.err
    assert not done.out


def test_files(vlft: Vlft, tmp_path: Path) -> None:
    png(tmp_path / "a.png", 500, 336)
    found = read(vlft, "--model", "qwen2_vl", "a.png", "missing.png", code=1)
    assert found[0]["file"] == "a.png"
    assert found[0]["tokens"] == 216
    assert found[1]["tokens"] is None
    assert "missing.png" in found[1]["error"]


def test_models(vlft: Vlft, tmp_path: Path, make_model: MakeModel) -> None:
    folder = make_model(tmp_path / "any-name")
    (folder / "preprocessor_config.json").write_text(json.dumps({"max_pixels": 50_176}))
    found = read(vlft, "--model", str(folder), "1120x1120")
    assert (found[0]["tokens"], found[0]["hf_tokens"]) == (1600, 64)
    for hub_id, tokens in (
        ("Qwen/Qwen3-VL-8B-Instruct", 1225),
        ("Qwen/Qwen2.5-VL-7B-Instruct", 1600),
        ("OpenGVLab/InternVL3-8B", 2560),
        ("OpenGVLab/InternVL3-1B-hf", 2560),
    ):
        assert read(vlft, "--model", hub_id, "1120x1120")[0]["tokens"] == tokens, hub_id


def test_what_is_wrong_usage(vlft: Vlft, tmp_path: Path, make_model: MakeModel) -> None:
    other = make_model(tmp_path / "llama", {"model_type": "llama"})
    for words, message in (
        (("3x3",), "no model is named"),
        (("--model", "qwen2_vl"), "no picture is named"),
        (("--model", "nonsense", "3x3"), "nothing is known about the tokens of `nonsense`"),
        (("--model", str(other), "3x3"), "(model_type 'llama')"),
        (("--model", "qwen2_vl", "0x3"), "`0x3` is no size and no file"),
        (("--model", "qwen2_vl", "3x3", "--max-pixels", "1e6"), "--max-pixels is `1e6`"),
        (("--model", "qwen2_vl", "3x3", "--max-num", "4"), "--max-num has no effect on Qwen2-VL"),
        (("--model", "internvl", "3x3", "--max-num", "4"), "--max-num has no effect"),
        (("--model", "internvl", "3x3", "--max-pixels", "9"), "have no effect on InternVL"),
        (("--model", "qwen2_vl", "3x3", "--set", "a=b"), "--set belongs to --config"),
    ):
        done = vlft("tokens", *words)
        assert done.code == 2, (words, done)
        assert message in done.err
        assert "Traceback" not in done.err


def test_a_config_that_is_wrong(vlft: Vlft, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("model: 3\n")
    done = vlft("tokens", "--config", "c.yaml", "3x3")
    assert done.code == 1
    assert "c.yaml:1" in done.err
    assert not done.out
    assert "there is no file" in vlft("tokens", "--config", "no.yaml", "3x3").err


def test_nothing_heavy_is_imported(vlft: Vlft, tmp_path: Path) -> None:
    png(tmp_path / "a.png", 500, 336)
    done = vlft("tokens", "--model", "qwen2_vl", "a.png", PYTHONPROFILEIMPORTTIME="1")
    assert done.code == 0
    imported = {line.rpartition("|")[2].strip() for line in done.err.splitlines()}
    assert "vlft.models.dynamic_resolution" in imported
    assert not imported & {"rich", "PIL", "numpy", "tokenizers", "yaml", "vlft.rules"}
    assert "vlft.config.schema" not in imported, "pydantic's models are for configs"


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20 frames of 128x96, ten a second, shown on their side."""
    pytest.importorskip("av")
    from support.video_files import QUARTER, turned, video

    folder = tmp_path_factory.mktemp("film")
    return turned(video(folder / "flat.mp4", "mpeg4", size=(128, 96)), QUARTER, folder / "film.mp4")


def test_a_video_is_explained(vlft: Vlft, film: Path) -> None:
    done = vlft("tokens", "--model", "qwen2_vl", str(film))
    assert done.code == 0, done.err
    assert done.out == (
        "Qwen2-VL\n"
        f"{film}: 96×128 pixels, 20 frames, 10 a second\n"
        "  → frames taken: 4 of 20: 2 a second, 4 to 768, a multiple of 2\n"
        "  → each resized to 280×392: multiples of 28, 100352 to 602112 pixels\n"
        "  → 2×28×20 patches, those of two frames together\n"
        "  → 280 tokens, one for 2×2 patches: 2 steps in time of 140\n"
        "  → <|vision_start|> + 280 × <|video_pad|> + <|vision_end|>: 282 tokens of the row\n"
    )


def test_a_video_for_other_families(vlft: Vlft, film: Path) -> None:
    done = vlft("tokens", "--model", "qwen3_vl", str(film))
    assert "a time such as <0.3 seconds> and <|vision_start|> + 140 × <|video_pad|>" in done.out
    done = vlft("tokens", "--model", "internvl_chat", str(film))
    assert "frames taken: 8 (VIDEO_SEGMENTS), evenly from 20" in done.out
    assert "2048 tokens, 256 a tile" in done.out
    done = vlft("tokens", "--model", "internvl", str(film))
    assert "128×96 pixels" in done.out, "transformers does not turn it"
    assert "frames taken: all 20" in done.out


def test_videos_among_pictures(vlft: Vlft, film: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(film.read_bytes()[:40])
    words = ("--model", "qwen2_vl", str(film), str(broken), "56x56")
    video, unread, picture = read(vlft, *words, code=1)
    assert (video["frames"], video["fps"], video["frames_taken"]) == (20, 10.0, 4)
    assert (video["width"], video["height"]) == (96, 128)
    assert video["grid_thw"] == [2, 28, 20]
    assert (video["tokens"], video["error"]) == (280, None)
    assert unread["tokens"] is None
    assert "it was not closed" in unread["error"]
    assert picture["tokens"] == 4
    table = vlft("tokens", *words).out
    assert "2×28×20" in table
    assert "1 videos, 280 tokens" in table


def test_a_video_that_is_too_short(vlft: Vlft, film: Path) -> None:
    (found,) = read(vlft, "--model", "qwen2_vl", str(film), FPS_MIN_FRAMES="40", FRAME_FACTOR="40")
    assert found["tokens"] is None
    assert "at least 40 are needed" in found["error"]
    done = vlft("tokens", "--model", "qwen2_vl", str(film), FRAME_FACTOR="40")
    assert "ms-swift replaces such a row" in done.out


def test_a_config_names_the_reader(vlft: Vlft, film: Path, write_config: WriteConfig) -> None:
    write_config("launch: {gpus: none}\nenv: {FORCE_QWENVL_VIDEO_READER: torchvision}\n")
    (found,) = read(vlft, "--config", "config.yaml", str(film), code=1)
    assert found["tokens"] is None
    assert "nothing is installed for the trainer" in found["error"]
