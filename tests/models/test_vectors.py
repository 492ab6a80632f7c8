"""Token arithmetic against what the real code made of the same pictures (vectors/)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vlft.models import PixelLimits, SizeError, Vision, family_of, limits_from
from vlft.models.smart_resize import swift_rescale
from vlft.models.vision import VideoFile

VECTORS = Path(__file__).parent / "vectors"


def rows_of(name: str) -> list[dict[str, Any]]:
    document = json.loads((VECTORS / name).read_text())
    return [dict(zip(document["columns"], row, strict=True)) for row in document["rows"]]


def vision_of(name: str) -> Vision:
    family = family_of(name)
    assert family is not None
    assert family.vision is not None
    return family.vision


def test_qwen_images() -> None:
    failing = 0
    for row in rows_of("qwen_images.json"):
        vision, size = vision_of(row["family"]), (row["width"], row["height"])
        asked = {name: row[name] for name in ("min_pixels", "max_pixels")}
        limits = PixelLimits().with_row(asked)
        found = vision.image(*size, limits)
        resized = (row["resized_height"], row["resized_width"])
        assert found.tokens == row["tokens"], row
        assert found.hf_tokens == row["hf_tokens"], row
        if row["tokens"] is None:
            failing += 1
            assert found.error is not None
            assert found.resized is None
        else:
            assert found.error is None
            assert found.resized == resized
            assert vision.image_tokens(*size, limits) == row["tokens"]
            patch = 16 if row["family"] == "qwen3_vl" else 14
            assert found.grid_thw == (1, resized[0] // patch, resized[1] // patch)
    assert failing > 100


def test_qwen_videos() -> None:
    for row in rows_of("qwen_videos.json"):
        vision = vision_of("qwen3_vl" if row["patch"] == 16 else "qwen2_vl")
        names = [name for name in row if name.isupper()]
        limits = limits_from({name: str(row[name]) for name in names})
        file = VideoFile(row["frames"], row["fps"], row["width"], row["height"])
        found = vision.video(file, limits)
        assert found.error is None, row
        assert found.frames == row["taken"], row
        assert found.grid_thw == tuple(row["grid_thw"]), row
        assert found.tokens == row["tokens"], row
        assert sum(part for part in found.parts if isinstance(part, int)) == row["tokens"]


def test_internvl_images() -> None:
    for row in rows_of("internvl_images.json"):
        for name in ("internvl", "internvl_chat"):
            limits = PixelLimits().with_row({"max_num": row["max_num"]})
            found = vision_of(name).image(row["width"], row["height"], limits)
            assert found.grid == (row["columns"], row["rows"]), row
            assert found.tiles == row["tiles"], row
            assert found.tokens == found.hf_tokens == row["tokens"], row
            short = vision_of(name).image_tokens(row["width"], row["height"], limits)
            assert short == row["tokens"]


def test_internvl_by_max_num_of_the_run() -> None:
    for row in rows_of("internvl_images.json"):
        limits = limits_from({"MAX_NUM": str(row["max_num"])})
        assert (
            vision_of("internvl_chat").image_tokens(row["width"], row["height"], limits)
            == (row["tokens"])
        )


def test_rescaling() -> None:
    for row in rows_of("swift_rescale.json"):
        found = swift_rescale(row["height"], row["width"], row["max_pixels"])
        assert found == (row["new_height"], row["new_width"]), row


def test_a_picture_that_vanishes_is_an_error() -> None:
    with pytest.raises(SizeError, match="nothing is left"):
        swift_rescale(1, 10_000, 100)
