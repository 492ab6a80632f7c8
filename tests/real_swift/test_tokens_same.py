"""Tokens of pictures, videos and rows against the real ms-swift, in one process of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.folders import TINY_MODEL, tiny_folders
from support.ms_swift import PROGRAMS
from support.ms_swift.token_cases import (
    ROWS_EACH,
    SEED,
    SETTINGS,
    image_job,
    random_row,
    rule_sizes,
    seeded,
    tile_sizes,
    video_case,
)
from support.ms_swift.video_cases import FILMED, film_row, film_rows, measured_by_stats, told_of
from support.qwen_vocabulary import give_vocabulary, vocabulary_file
from support.video_files import odd_videos

from vlft.data.media.video import video_reader
from vlft.data.settings import CheckSettings
from vlft.data.tokens.render import CountedRow, Turn, object_texts
from vlft.data.tokens.rows import RowTokens, TokenModel, find_model, open_row_tokens
from vlft.models import (
    SizeError,
    VideoFile,
    VideoTokens,
    family_of,
    limits_from,
)
from vlft.models.dynamic_resolution import middle_seconds
from vlft.models.qwen_vl import QWEN2_VL, QWEN3_VL
from vlft.models.smart_resize import hf_smart_resize, qwen_vl_utils_smart_resize
from vlft.models.tiles import best_grid, tiles_of

FOLDERS = tiny_folders()


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A tiny model of each family."""
    base = tmp_path_factory.mktemp("families")
    for family, name in FOLDERS.items():
        command = [sys.executable, TINY_MODEL, "--family", family, "--output", base / name]
        subprocess.run(command, check=True, capture_output=True)
        if (vocabulary := vocabulary_file()) is not None:
            give_vocabulary(base / name / "tokenizer.json", vocabulary)
    return {family: base / name for family, name in FOLDERS.items()}


@pytest.fixture(scope="module")
def odd_films(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Video files by what is odd about them."""
    return odd_videos(tmp_path_factory.mktemp("odd"))


@pytest.fixture(scope="module")
def jobs(
    models: dict[str, Path],
    odd_films: dict[str, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Any]:
    """Everything that is asked, by name."""
    rng = seeded(SEED)
    films = str(tmp_path_factory.mktemp("films"))
    asked: dict[str, Any] = {f"images-{seed}": image_job(SEED + seed) for seed in range(16)}
    asked["rules"] = {"kind": "rules", "sizes": [rule_sizes(rng) for _ in range(4000)]}
    tiles = [tile_sizes(rng, real=False) for _ in range(1500)]
    tiles += [tile_sizes(rng, real=True) for _ in range(120)]
    asked["tiles"] = {"kind": "tiles", "sizes": tiles}
    for number, (name, (family, template, arguments, env, kind)) in enumerate(SETTINGS.items()):
        rows = seeded(SEED + number)
        asked[f"rows-{name}"] = {
            "kind": "rows",
            "model": str(models[family]),
            "template": template,
            "arguments": arguments,
            "env": env,
            "films": films,
            "rows": [random_row(rows, kind) for _ in range(ROWS_EACH)],
        }
        if name in FILMED:
            whole = {"rows": film_rows(odd_films)}
            asked[f"films-{name}"] = asked[f"rows-{name}"] | whole
    # The last, for it puts its own reader in place of those for files.
    asked["videos"] = {"kind": "videos", "cases": [video_case(SEED + seed) for seed in range(700)]}
    return asked


@pytest.fixture(scope="module")
def answers(jobs: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the real ms-swift says to it."""
    folder = tmp_path_factory.mktemp("oracle")
    (folder / "jobs.json").write_text(json.dumps(jobs))
    names = [folder / "jobs.json", folder / "answers.json"]
    done = subprocess.run(
        [sys.executable, PROGRAMS / "token_oracle.py", *names],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    read: dict[str, Any] = json.loads(names[1].read_text())
    return read


def test_images_under_all_limits(jobs: dict[str, Any], answers: dict[str, Any]) -> None:
    wrong, failing, total = [], 0, 0
    for name in (name for name in jobs if name.startswith("images-")):
        job = jobs[name]
        vision = (QWEN3_VL if job["patch"] == 16 else QWEN2_VL).vision
        assert vision is not None
        limits = limits_from(job["env"], job["rescale"])
        for (width, height, row), real in zip(job["sizes"], answers[name], strict=True):
            found = vision.image(width, height, limits.with_row(row))
            size = list(found.resized) if found.resized else None
            total, failing = total + 1, failing + (real is None)
            if size != real or (found.error is None) != (real is not None):
                wrong.append((job["env"], job["rescale"], width, height, row, real, found))
            try:
                assert vision.image_tokens(width, height, limits.with_row(row)) == found.tokens
            except SizeError:
                assert real is None
    assert not wrong, wrong[:3]
    assert 0 < failing < total / 2, "both sorts were asked"


def test_both_rules_of_resizing(jobs: dict[str, Any], answers: dict[str, Any]) -> None:
    def size(rule: Any, *values: int) -> list[int] | None:
        try:
            return list(rule(*values))
        except SizeError:
            return None

    differ = 0
    for values, (own, hf) in zip(jobs["rules"]["sizes"], answers["rules"], strict=True):
        assert size(qwen_vl_utils_smart_resize, *values) == own, values
        assert size(hf_smart_resize, *values) == hf, values
        differ += own != hf
    assert differ > 100, "the two rules are not the same rule"


def test_grids_of_tiles(jobs: dict[str, Any], answers: dict[str, Any]) -> None:
    for values, (grid, count) in zip(jobs["tiles"]["sizes"], answers["tiles"], strict=True):
        width, height, most, side, real = values
        found = best_grid(width, height, most, side)
        assert list(found) == grid, values
        if real:
            assert tiles_of(found) == count, values


def test_videos(jobs: dict[str, Any], answers: dict[str, Any]) -> None:
    taken = 0
    for case, real in zip(jobs["videos"]["cases"], answers["videos"], strict=True):
        vision = (QWEN3_VL if case["patch"] == 16 else QWEN2_VL).vision
        assert vision is not None
        width, height, frames, fps = case["video"]
        limits = limits_from(case["env"]).with_row(case["row"])
        found = vision.video(VideoFile(frames, fps, width, height), limits)
        if isinstance(real, str):
            assert found.error is not None, (case, real)
            continue
        taken += 1
        assert found.error is None, (case, real, found)
        assert [found.frames, *(found.resized or ())] == real[:3], (case, found)
        if case["patch"] == 16:
            stamps = [f"<{second:.1f} seconds>" for second in middle_seconds(real[3], fps)]
            told = [part for part in found.parts if isinstance(part, str) and "seconds" in part]
            assert [text.partition("<|")[0] for text in told] == stamps
    assert taken > 300


def counted(
    counter: RowTokens, model: TokenModel, row: dict[str, Any], limits: Any
) -> CountedRow | None:
    """A generated row as it is counted; None for one whose picture ms-swift fails on."""
    own = limits.with_row(row.get("chat_template_kwargs"), has_video=bool(row["videos"]))
    pictures = [model.vision.image(*size, own) for size in row["images"]]
    videos: list[VideoTokens] = []
    for made in row["videos"]:
        if isinstance(made[0], int):
            frames, width, height, rate = made
            videos.append(model.vision.video(VideoFile(frames, float(rate), width, height), own))
        else:
            videos.append(model.vision.frame_list([tuple(size) for size in made], own))
    if any(one.error for one in (*pictures, *videos)):
        return None
    refs, boxes = object_texts(
        counter.template,
        row.get("objects", {}),
        [tuple(size) for size in row["images"]],
        model.vision,
        own,
    )
    turns = [
        Turn(message["role"], message["content"], message.get("loss"))
        for message in row["messages"]
    ]
    return CountedRow(turns, [one.tokens or 0 for one in pictures], videos, refs, boxes)


@pytest.mark.parametrize("name", FILMED)
def test_films(
    name: str,
    odd_films: dict[str, Path],
    answers: dict[str, Any],
    models: dict[str, Path],
    tmp_path: Path,
) -> None:
    """Files of video, read by decord or PyAV there: the fate of their rows, and all tokens."""
    family, template, arguments, env, _ = SETTINGS[name]
    kind = family_of(family if template is None else "internvl_chat")
    settings = CheckSettings(
        cwd=tmp_path,
        family=kind,
        vision=find_model(str(models[family])).vision if template is None else None,
        limits=limits_from(env, arguments.get("max_pixels")),
        tokenizer=models[family],
        template=template,
        swift=arguments,
        video_reader=video_reader(kind.swift_model_type if kind else None, env, None),
    )
    told = dict(zip(odd_films, told_of(film_rows(odd_films), settings), strict=True))
    real = dict(zip(odd_films, answers[f"films-{name}"], strict=True))
    fates = {what: "replaced" if isinstance(one, str) else "ok" for what, one in real.items()}
    unknown = {what for what, one in told.items() if one.fate == "unknown"}
    fates |= dict.fromkeys(unknown, "unknown")
    kept = {what: real[what] for what, fate in fates.items() if fate == "ok"}
    assert {what: one.tokens for what, one in told.items() if what in kept} == kept, real
    assert {
        what: "ok" if one.fate in {None, "silently_wrong"} else one.fate
        for what, one in told.items()
    } == fates, real
    file = tmp_path / "kept.jsonl"
    file.write_text("".join(json.dumps(film_row(odd_films[what])) + "\n" for what in kept))
    measured = measured_by_stats(file, settings)
    assert (measured["total"]["sum"], measured["exact"]) == (sum(kept.values()), True)
    assert unknown <= {"narrow"}
    assert 8 < len(kept) < len(real) - 5, "both sorts were asked"


@pytest.mark.parametrize("name", SETTINGS)
def test_rows(
    name: str, jobs: dict[str, Any], answers: dict[str, Any], models: dict[str, Path]
) -> None:
    family, template, arguments, env, _ = SETTINGS[name]
    model = find_model(str(models[family]))
    if template is not None:
        native = family_of("internvl_chat")
        assert native is not None
        assert native.vision is not None
        model = TokenModel(native, native.vision)
    told = {key: value for key, value in arguments.items() if key != "default_system"}
    if "default_system" in arguments:
        told["system"] = arguments["default_system"]
    counter = open_row_tokens(model, models[family], template, "sft", told)
    limits = limits_from(env, arguments.get("max_pixels"))
    equal = 0
    for row, real in zip(jobs[f"rows-{name}"]["rows"], answers[f"rows-{name}"], strict=True):
        asked = counted(counter, model, row, limits)
        found = None if asked is None else counter.count(asked)
        if isinstance(real, str):
            assert not found, (row, found, real)
            continue
        if found is None:
            assert asked is None or "<img>" in json.dumps(row), row
            continue
        assert asked is not None
        assert found == real, (row, found, real)
        equal += 1
    assert equal > ROWS_EACH / 2, answers[f"rows-{name}"]
