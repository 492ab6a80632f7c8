"""Which limit on an image wins: what vlft counts is what the started command encodes."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.folders import TINY_MODEL, tiny_folders
from support.ms_swift.judging import Judge, Verdict, request
from test_convert_loads import png
from typer.testing import CliRunner

from vlft.cli import app
from vlft.pipeline import Ready, Rejected, prepare

SIDE = {"qwen2_vl": 28, "qwen2_5_vl": 28, "qwen3_vl": 32}


def _square(tokens: int, side: int = 28) -> int:
    return tokens * side * side


CASES: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "none": ({}, {}),
    "section": ({"pixels": {"max": _square(300)}}, {}),
    "section over caller": ({"pixels": {"max": _square(300)}}, {"MAX_PIXELS": "78400"}),
    "env over caller": ({"env": {"MAX_PIXELS": _square(200)}}, {"MAX_PIXELS": "78400"}),
    "env null": ({"env": {"MAX_PIXELS": None}}, {"MAX_PIXELS": "78400"}),
    "caller": ({}, {"MAX_PIXELS": "78400"}),
    "caller in tokens": ({}, {"IMAGE_MAX_TOKEN_NUM": "50", "MAX_PIXELS": "78400"}),
    "caller in tokens over section": (
        {"pixels": {"max": _square(300)}},
        {"IMAGE_MAX_TOKEN_NUM": "50"},
    ),
    "model_kwargs over all": (
        {
            "pixels": {"max": _square(300)},
            "swift": {"model_kwargs": {"max_pixels": _square(60)}},
        },
        {"MAX_PIXELS": "78400"},
    ),
    "model_kwargs as text": (
        {"pixels": {"max": _square(300)}, "swift": {"model_kwargs": '{"MAX_PIXELS": 47040}'}},
        {},
    ),
    "model_kwargs as file": (
        {"pixels": {"max": _square(300)}, "swift": {"model_kwargs": "kwargs.json"}},
        {},
    ),
    "model_kwargs in tokens": (
        {
            "pixels": {"max": _square(300)},
            "swift": {"model_kwargs": {"image_max_token_num": 40}},
        },
        {},
    ),
    "argument": ({"swift": {"max_pixels": _square(80)}}, {}),
    "argument quoted": ({"swift": {"max_pixels": str(_square(80))}}, {}),
    "argument and section": (
        {"swift": {"max_pixels": _square(80)}, "pixels": {"max": _square(300)}},
        {},
    ),
    "section less than argument": (
        {"swift": {"max_pixels": _square(300)}, "pixels": {"max": _square(80)}},
        {},
    ),
    "min over argument": (
        {"swift": {"max_pixels": _square(80)}, "pixels": {"min": _square(200)}},
        {},
    ),
    "all": (
        {
            "pixels": {"max": _square(300), "min": _square(16)},
            "swift": {"max_pixels": _square(250), "model_kwargs": {"min_pixels": _square(230)}},
        },
        {"MAX_PIXELS": "78400", "IMAGE_MIN_TOKEN_NUM": "4"},
    ),
}


@pytest.fixture(scope="module", params=sorted(SIDE))
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model of a family."""
    folder = tmp_path_factory.mktemp("models") / tiny_folders()[request.param]
    command = [sys.executable, TINY_MODEL, "--family", request.param, "--output", folder]
    subprocess.run(command, check=True, capture_output=True)
    return folder


@pytest.mark.parametrize("name", CASES)
def test_the_limit_that_wins(
    name: str, model: Path, tmp_path: Path, judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    changes, caller = CASES[name]
    counted, encoded = _both(changes, caller, model, tmp_path, judge)
    assert counted == encoded
    assert (encoded == _both({}, {}, model, tmp_path, judge)[1]) == (name == "none")


@pytest.mark.parametrize("limit", [{"max_pixels": 47040}, {"size": {"longest_edge": 47040}}])
def test_the_limits_of_the_processor(
    limit: dict[str, Any], model: Path, tmp_path: Path, judge: Judge
) -> None:
    changed = shutil.copytree(model, tmp_path / model.name)
    for file in ("preprocessor_config.json", "processor_config.json"):
        if (changed / file).is_file():
            held = json.loads((changed / file).read_text())
            (held.get("image_processor", held)).update(limit)
            (changed / file).write_text(json.dumps(held))
    counted, encoded = _both({}, {}, changed, tmp_path, judge)
    assert counted == encoded


@pytest.mark.parametrize(
    "text",
    [
        *("SPATIAL_MERGE_SIZE=two", "SPATIAL_MERGE_SIZE=0", "MAX_RATIO=wide", "MODEL_SEQ_LEN=x"),
        *("MAX_PIXELS=1e6", "IMAGE_MAX_TOKEN_NUM=9.5", "FPS=fast", "FRAME_FACTOR=two"),
    ],
)
def test_a_limit_that_is_not_a_number(
    text: str, model: Path, tmp_path: Path, judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`pixels.number` is an error, and the template fails."""
    monkeypatch.chdir(tmp_path)
    made, verdict = _encoded({}, dict([text.split("=")]), model, tmp_path, judge)
    assert "pixels.number" in [finding.rule for finding in made.findings]
    assert not verdict.ok


def _both(
    changes: dict[str, Any], caller: dict[str, str], model: Path, folder: Path, judge: Judge
) -> tuple[int, int]:
    """Image tokens as `vlft data stats` counts them, and as the command's template has them."""
    _, verdict = _encoded(changes, caller, model, folder, judge)
    assert verdict.ok, verdict.error
    told = CliRunner().invoke(
        app,
        ["data", "stats", "--config", str(folder / "config.yaml"), "--format", "json"],
        env=caller,
    )
    return json.loads(told.stdout)["tokens"]["vision"]["sum"], verdict.values["placeholders"]


def _encoded(
    changes: dict[str, Any], caller: dict[str, str], model: Path, folder: Path, judge: Judge
) -> tuple[Ready | Rejected, Verdict]:
    """The prepared config, and what the command's template makes of a row with one image."""
    (folder / "a.png").write_bytes(png(1003, 811))
    (folder / "kwargs.json").write_text('{"max_pixels": 47040}')
    row = {
        "messages": [
            {"role": "user", "content": "<image>what"},
            {"role": "assistant", "content": "that"},
        ],
        "images": [str(folder / "a.png")],
    }
    (folder / "rows.jsonl").write_text(json.dumps(row) + "\n")
    config = folder / "config.yaml"
    written = {
        "model": {"path": str(model)},
        "data": {"train": ["rows.jsonl"]},
        "output_dir": "out",
        **changes,
    }
    config.write_text(json.dumps(written))
    environ = {"HOME": str(folder), **caller}
    made = prepare(config, environ=environ, judge=True)
    asked = request(made, folder, environ)
    assert asked is not None
    return made, judge.ask({**asked, "row": row})
