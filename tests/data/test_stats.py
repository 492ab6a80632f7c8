"""Lengths, pictures and limits of data files."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.picture_files import encoded, noise, write
from support.video_files import video
from typer.testing import CliRunner

from vlft.cli import app
from vlft.data.checking.tally import Spread
from vlft.data.statistics_report import histogram
from vlft.models import PixelLimits, VideoFile, family_of


def row(question: str, answer: str, *images: str, **more: Any) -> dict[str, Any]:
    turns = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return {"messages": turns, "images": list(images), **more}


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four good rows, of forms that differ, and one that is none."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path, "small.png", encoded(noise(56, 56), "PNG"))
    write(tmp_path, "large.jpg", encoded(noise(1120, 560), "JPEG"))
    rows = [
        row("<image>q", "r", "small.png"),
        row("<image><image>q", "r", "small.png", "large.jpg"),
        {"query": "q", "response": "r", "history": [["a", "b"]]},
        row("<image>q", "r", "gone.png"),
        row("<image>q", "r", "large.jpg", chat_template_kwargs={"max_pixels": 56 * 56}),
    ]
    file = tmp_path / "data.jsonl"
    file.write_text("".join(json.dumps(one) + "\n" for one in rows) + "broken\n")
    return file


def stats(*arguments: str | Path) -> dict[str, Any]:
    result = CliRunner().invoke(app, ["data", "stats", *map(str, arguments), "--format", "json"])
    assert result.exit_code == 0, result.output + repr(result.exception)
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_a_file_is_shown_as_it_is_named(data: Path) -> None:
    assert stats("data.jsonl")["files"] == ["data.jsonl"]
    assert stats(data)["files"] == [str(data)]


def test_rows_turns_and_pictures(data: Path) -> None:
    found = stats(data)
    assert found["rows"] == 6
    assert found["unread"]["count"] == 1
    assert found["unread"]["first_rows"] == [6]
    assert found["turns"]["sum"] == 2 + 2 + 4 + 2 + 2
    assert found["images"]["rows"] == 4
    assert found["images"]["count"] == 4
    assert found["images"]["width"]["max"] == 1120
    assert found["images"]["problems"] == {"missing": 1}
    assert found["tokens"]["unmeasured"] == {"pictures that can't be read or used": 1}


def test_vision_tokens_and_what_a_limit_saves(data: Path) -> None:
    """56x56 is 2x2 tokens of 28 pixels, 1120x560 is 40x20; the last row limits it to 1x2."""
    found = stats(data, "--max-pixels", "200*28*28", "--max-length", "300")
    tokens = found["tokens"]
    assert tokens["vision"]["sum"] == 4 + (4 + 800) + 0 + 2
    assert tokens["exact"] is False
    now, limited = found["limits"]
    assert (now["limit"], limited["limit"]) == ("now", "max: 200*28*28")
    assert limited["vision_tokens"] == 4 + (4 + 200) + 0 + 2
    assert now["tokens"] - limited["tokens"] == 600
    assert limited["saved"] == pytest.approx(600 / now["tokens"], abs=1e-4)
    assert (now["over_max_length"], limited["over_max_length"]) == (1, 0)


def test_limits_of_the_environment_are_the_runs_own(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAX_PIXELS", str(100 * 28 * 28))
    assert stats(data)["tokens"]["vision"]["sum"] < 4 + 4 + 120 + 4


def test_tiles_of_internvl(data: Path) -> None:
    found = stats(data, "--model", "internvl_chat", "--max-pixels", "1")
    assert [one["limit"] for one in found["limits"]] == ["now", "tiles: 1"]
    assert found["limits"][1]["vision_tokens"] == 256 * 4


def test_the_text_bound_says_so(data: Path) -> None:
    result = CliRunner().invoke(app, ["data", "stats", str(data), "--max-length", "40"])
    assert "at most" in result.stdout
    assert "--model" in result.stdout
    assert "may be over max_length 40" in result.stdout
    assert "as Qwen2-VL" in result.stdout
    assert "█" in result.stdout


def test_a_file_without_pictures_has_no_table_of_limits(tmp_path: Path) -> None:
    file = tmp_path / "text.jsonl"
    file.write_text(json.dumps({"query": "q", "response": "r"}) + "\n")
    result = CliRunner().invoke(app, ["data", "stats", str(file)])
    assert result.exit_code == 0
    assert "max: " not in result.stdout


def test_an_empty_file(tmp_path: Path) -> None:
    file = tmp_path / "empty.jsonl"
    file.touch()
    found = stats(file)
    assert found["rows"] == 0
    assert found["tokens"]["total"] is None
    assert CliRunner().invoke(app, ["data", "stats", str(file)]).exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "no file is named"),
        (["none.jsonl"], "no file"),
        (["."], "a folder"),
        (["data.jsonl", "--max-pixels", "many"], "many"),
        (["data.jsonl", "--max-pixels", "28*28"], "below 4 tokens"),
        (["data.jsonl", "--model", "unheard-of"], "unheard-of"),
        (["data.jsonl", "--set", "a=b"], "--config"),
    ],
)
def test_wrong_usage(data: Path, arguments: list[str], said: str) -> None:
    result = CliRunner().invoke(app, ["data", "stats", *arguments])
    assert result.exit_code
    assert said in str(result.exception)


def test_a_config_names_files_and_limits(data: Path, qwen2_vl_folder: Path) -> None:
    config = data.parent / "c.yaml"
    config.write_text(
        f"model: {{path: {qwen2_vl_folder}}}\n"
        "data: {train: [data.jsonl], max_length: 50}\n"
        "pixels: {max: 100*28*28}\n"
        "launch: {gpus: none}\n"
    )
    found = stats("--config", config)
    assert found["files"] == [str(data)]
    assert found["tokens"]["max_length"] == 50
    assert found["limits"][0]["vision_tokens"] < 4 + 4 + 120 + 4


def test_a_limit_below_the_least_is_compared_with_no_row(data: Path, qwen2_vl_folder: Path) -> None:
    config = data.parent / "c.yaml"
    config.write_text(
        f"model: {{path: {qwen2_vl_folder}}}\n"
        "data: {train: [data.jsonl]}\n"
        "pixels: {min: 100*28*28}\n"
        "launch: {gpus: none}\n"
    )
    found = stats("--config", config)
    (below,) = (limit for limit in found["limits"] if limit["value"] == 64 * 28 * 28)
    assert below["saved"] is None
    assert below["failing_rows"] == 2, "the row without images is not hurt"
    command = ["data", "stats", "--config", str(config), "--max-pixels", "64*28*28"]
    shown = CliRunner().invoke(app, command).stdout
    assert f"ms-swift fails on {below['failing_rows']} rows" in shown


@pytest.fixture
def qwen2_vl_folder(tmp_path: Path) -> Path:
    """A model as far as its arithmetic goes: it has no tokenizer."""
    folder = tmp_path / "Qwen2-VL"
    folder.mkdir()
    (folder / "config.json").write_text(
        json.dumps({"model_type": "qwen2_vl", "architectures": ["Qwen2VLForConditionalGeneration"]})
    )
    return folder


values = st.lists(st.integers(0, 10**6) | st.integers(0, 20), min_size=1, max_size=80)


@given(values)
def test_percentiles_are_those_of_the_sorted_list(numbers: list[int]) -> None:
    spread = Spread()
    for number in numbers:
        spread.add(number)
    found = spread.to_json()
    assert found is not None
    ranked = sorted(numbers)
    for share in (50, 90, 95, 99):
        assert found[f"p{share}"] == ranked[math.ceil(len(ranked) * share / 100) - 1]
    assert (found["min"], found["max"], found["sum"]) == (ranked[0], ranked[-1], sum(ranked))
    assert spread.over(ranked[0]) == sum(number > ranked[0] for number in numbers)


@given(values)
def test_bars_hold_every_value_once(numbers: list[int]) -> None:
    spread = Spread()
    for number in numbers:
        spread.add(number)
    lines = histogram(spread)
    assert sum(int(line.rsplit(" ", 1)[1].replace(",", "")) for line in lines) == len(numbers)
    assert 1 <= len(lines) <= 32
    assert len({line.index("  ", len(line) - len(line.lstrip())) for line in lines}) == 1


def test_videos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """48 frames, ten a second: Qwen2-VL takes 8 of them, four steps of 11x14 tokens at most."""
    monkeypatch.chdir(tmp_path)
    video(tmp_path / "film.mp4", frames=48, size=(160, 120))
    video(tmp_path / "one.mp4", "mpeg4", frames=1)
    write(tmp_path, "small.png", encoded(noise(56, 56), "PNG"))
    rows = [
        row("<video>q", "r", videos=["film.mp4"]),
        row("<image><video>q", "r", "small.png", videos=["film.mp4"]),
        row("<video>q", "r", videos=["gone.mp4"]),
        row("<video>q", "r", videos=["one.mp4"]),
    ]
    file = tmp_path / "data.jsonl"
    file.write_text("".join(json.dumps(one) + "\n" for one in rows))
    found = stats(file)
    vision = family_of("qwen2_vl").vision  # type: ignore[union-attr]
    assert vision is not None
    each = vision.video(VideoFile(48, 10.0, 160, 120), PixelLimits()).tokens
    assert found["tokens"]["vision"]["sum"] == each + (4 + each)
    assert found["videos"] == 4
    assert found["video_problems"] == {"missing": 1}
    assert found["tokens"]["unmeasured"] == {
        "videos that can't be read or counted": 1,
        "videos that ms-swift fails on": 1,
    }
    tiles = stats(file, "--model", "internvl_chat")
    assert tiles["tokens"]["vision"]["sum"] == 8 * 256 + (8 * 256 + 256) + 8 * 256
