"""Which limit holds: variables, the row's own, `--max_pixels`."""

from __future__ import annotations

import math

import pytest

from vlft.errors import VlftError
from vlft.models import (
    FAMILIES,
    PixelLimits,
    SizeError,
    VideoFile,
    Vision,
    family_of,
    limits_from,
)


def vision_of(name: str) -> Vision:
    family = family_of(name)
    assert family is not None
    assert family.vision is not None
    return family.vision


QWEN, QWEN3 = vision_of("qwen2_vl"), vision_of("qwen3_vl")
TILES, TILES_HF = vision_of("internvl_chat"), vision_of("internvl")


def tokens(vision: Vision, width: int, height: int, **environ: str) -> int:
    return vision.image_tokens(width, height, limits_from(environ))


def test_defaults_are_4_to_16384_tokens() -> None:
    assert tokens(QWEN, 1, 1) == 4
    assert tokens(QWEN, 1120, 1120) == 1600
    assert tokens(QWEN3, 1120, 1120) == 1225
    assert 16_000 < tokens(QWEN, 9000, 9000) <= 16_384


def test_variables_in_pixels_are_cut_to_whole_tokens() -> None:
    assert tokens(QWEN, 1120, 1120, MAX_PIXELS="200704") == 256
    # One pixel less than 256 squares: 255 tokens are allowed, and 15×16 or 15×15 fit.
    assert tokens(QWEN, 1120, 1120, MAX_PIXELS="200703") == 225
    assert tokens(QWEN, 1120, 1120, MAX_PIXELS="200703") < 255


def test_a_row_s_limit_is_not_cut_and_goes_before() -> None:
    run = limits_from({"MAX_PIXELS": "200704"})
    assert QWEN.image_tokens(1120, 1120, run.with_row({"max_pixels": 1120 * 1120})) == 1600
    # 200,804 pixels are 256 whole squares in a run; in a row the 100 more count.
    row = PixelLimits().with_row({"max_pixels": 200_804})
    assert QWEN.image_tokens(300, 1200, row) == 256
    assert tokens(QWEN, 300, 1200, MAX_PIXELS="200804") == 217


def test_variables_in_tokens_go_before_pixels() -> None:
    high = {"MAX_PIXELS": "200704", "IMAGE_MAX_TOKEN_NUM": "100"}
    assert tokens(QWEN, 1120, 1120, **high) == 100
    low = {"MIN_PIXELS": "784", "IMAGE_MIN_TOKEN_NUM": "16"}
    assert tokens(QWEN, 20, 20, **low) == 16


def test_max_pixels_argument_shrinks_first_and_by_another_rule() -> None:
    limits = limits_from({}, rescale=200_704)
    found = QWEN.image(1000, 700, limits)
    assert found.steps[0] == "--max_pixels 200704 shrinks it to 535×374"
    assert found.resized == (364, 532)
    assert QWEN.image_tokens(300, 850, limits) == 270, "more than the 256 that are asked for"
    assert tokens(QWEN, 300, 850, MAX_PIXELS="200704") == 234


def test_200_to_1_is_the_last_ratio() -> None:
    assert QWEN.image(200, 1, PixelLimits()).error is None
    failing = QWEN.image(201, 1, PixelLimits())
    assert failing.error == "one side is 201.00 times the other; at most 200 times is allowed"
    assert failing.tokens is None
    assert QWEN.image(201, 1, limits_from({"MAX_RATIO": "300"})).error is None
    with pytest.raises(SizeError):
        QWEN.image_tokens(201, 1, PixelLimits())


def test_limits_that_contradict_each_other() -> None:
    found = QWEN.image(50, 50, limits_from({"MAX_PIXELS": "1568"}))
    assert found.error == "at most 1568 pixels, but at least 3136"


def test_variables_for_tiles() -> None:
    assert tokens(TILES, 1000, 1000) == 10 * 256
    assert tokens(TILES, 1000, 1000, MAX_NUM="4") == 5 * 256
    assert tokens(TILES, 1000, 1000, INPUT_SIZE="224", MAX_NUM="1") == 64
    assert tokens(TILES_HF, 1000, 1000, MAX_NUM="4") == 10 * 256, "it does not read them"
    assert tokens(TILES, 1000, 1000, MAX_PIXELS="50176") == 10 * 256, "nor this one"


def test_images_beside_a_video_are_cut_like_frames() -> None:
    beside = PixelLimits().with_row(None, has_video=True)
    assert TILES.image_tokens(1000, 1000, beside) == 256
    assert TILES_HF.image_tokens(1000, 1000, beside) == 10 * 256


def test_frames_of_tiles() -> None:
    file = VideoFile(100, 25.0, 640, 480)
    assert TILES.video(file, PixelLimits()).tokens == 8 * 256
    assert TILES.video(file, limits_from({"VIDEO_SEGMENTS": "3"})).frames == 3
    assert TILES_HF.video(file, PixelLimits()).frames == 100
    assert TILES.video(file, PixelLimits()).parts[:3] == ("Frame1: <img>", 256, "</img>\n")


def test_the_checkpoint_s_own_tiles() -> None:
    tiny = TILES_HF.of_checkpoint({"size": {"height": 56, "width": 56}, "image_seq_length": 4})
    assert tiny.image_tokens(56, 56, PixelLimits()) == 4
    assert TILES.of_checkpoint({"image_seq_length": 4}).image_tokens(9, 9, PixelLimits()) == 256


def test_the_checkpoint_s_own_limits_are_those_of_transformers_alone() -> None:
    small = QWEN.of_checkpoint({"max_pixels": 50176, "min_pixels": 3136})
    found = small.image(1120, 1120, PixelLimits())
    assert (found.tokens, found.hf_tokens) == (1600, 64)
    newer = QWEN.of_checkpoint({"size": {"shortest_edge": 3136, "longest_edge": 50176}})
    assert newer == small


def test_a_list_of_frames_is_resized_twice() -> None:
    found = QWEN.frame_list([(100, 60)] * 3, PixelLimits())
    assert found.frames == 4, "the last frame twice"
    assert found.error is None
    assert QWEN.frame_list([(100, 60), (500, 60)], PixelLimits()).error is not None
    assert QWEN.frame_list([], PixelLimits()).error == "no frame"


def test_a_variable_that_is_no_number() -> None:
    with pytest.raises(VlftError, match="MAX_PIXELS is '1e6', not a number"):
        limits_from({"MAX_PIXELS": "1e6"})
    assert limits_from({"MAX_PIXELS": ""}) == PixelLimits()


def test_a_row_s_limit_that_is_no_number() -> None:
    with pytest.raises(VlftError, match="`max_pixels` is 'many'"):
        PixelLimits().with_row({"max_pixels": "many"})
    with pytest.raises(VlftError, match="`fps` is nan"):
        PixelLimits().with_row({"fps": math.nan})
    assert PixelLimits().with_row({"enable_thinking": False, "max_pixels": None}) == PixelLimits()


def test_every_family_counts() -> None:
    for family in FAMILIES:
        assert family.vision is not None
        assert family.vision.image_tokens(336, 500, PixelLimits()) > 100
        assert family.templates
        if family.template is not None:
            assert family.template_named(None) is not None


FILM = VideoFile(300, 30.0, 640, 360)


def frames_of(row: dict[str, float], **environ: str) -> int:
    found = QWEN.video(FILM, limits_from(environ).with_row(row))
    assert found.error is None, found
    return found.frames


def test_how_many_frames_are_taken() -> None:
    assert frames_of({}) == 20, "two a second"
    assert frames_of({}, FPS="1") == 10
    assert frames_of({}, FPS="0.1") == 4, "the least"
    assert frames_of({}, FPS_MAX_FRAMES="7") == 6, "in pairs"
    assert frames_of({"fps": 4}, FPS="1") == 40, "the row goes before"
    assert frames_of({"nframes": 9}) == 8, "the even neighbour of 4.5 pairs"
    assert frames_of({"min_frames": 30}) == 30
    assert frames_of({"max_frames": 11}) == 10
    assert frames_of({"video_start": 2, "video_end": 4.5}) == 4
    assert frames_of({"video_start": 0, "video_end": 8}) == 16


def test_videos_that_fail() -> None:
    def error(file: VideoFile = FILM, **row: float) -> str | None:
        return QWEN.video(file, PixelLimits().with_row(row)).error

    assert error(VideoFile(0, 30.0, 640, 360)) == "a video of 0 frames at 30 a second"
    assert error(VideoFile(1, 30.0, 640, 360)) is not None
    assert error(fps=1, nframes=4) == "the row gives both fps and nframes"
    assert error(video_start=5, video_end=5) == "no two frames between 5 s and 5 s"
    assert error(VideoFile(9, 30.0, 1, 900)) is not None
    assert error() is None


def test_many_frames_share_the_length_of_the_model() -> None:
    long = VideoFile(30_000, 30.0, 1280, 720)
    assert QWEN.video(FILM, PixelLimits()).resized == (364, 644)
    shared = QWEN.video(long, PixelLimits())
    assert (shared.frames, shared.resized) == (768, (336, 644))
    tight = QWEN.video(long, limits_from({"MODEL_SEQ_LEN": "32000"}))
    assert (tight.frames, tight.resized) == (768, (224, 420))


def test_a_video_s_prompt() -> None:
    found = QWEN.video(VideoFile(8, 2.0, 56, 56), limits_from({"VIDEO_MIN_TOKEN_NUM": "4"}))
    assert found.grid_thw == (4, 4, 4)
    assert found.parts == ("<|vision_start|>", 16, "<|vision_end|>")
    third = QWEN3.video(VideoFile(4, 2.0, 64, 64), limits_from({"VIDEO_MIN_TOKEN_NUM": "4"}))
    assert third.parts == (
        "<|vision_start|>",
        *("<0.2 seconds><|vision_start|>", 4, "<|vision_end|>"),
        *("<1.2 seconds><|vision_start|>", 4, "<|vision_end|>"),
        "<|vision_end|>",
    )


@pytest.mark.parametrize(
    "value", [10**400, -(10**400), 1e308, math.inf, 0, -1, 0.5], ids=lambda value: str(value)[:6]
)
@pytest.mark.parametrize(
    "name", ["min_pixels", "max_pixels", "total_pixels", "fps", "nframes", "resized_height"]
)
def test_a_row_s_limit_of_any_size(name: str, value: float) -> None:
    asked = {name: value, **({"resized_width": value} if name == "resized_height" else {})}
    limits = PixelLimits().with_row(asked)
    found = QWEN.image(640, 480, limits)
    assert bool(found.tokens) == (found.error is None)
    film = QWEN.video(FILM, limits)
    assert bool(film.tokens) == (film.error is None)


def test_a_limit_of_any_size_beyond_torch_s_integers() -> None:
    with pytest.raises(VlftError, match="too large"):
        limits_from({"MAX_PIXELS": str(2**63)})
    with pytest.raises(VlftError, match="it must be above 0"):
        limits_from({"SPATIAL_MERGE_SIZE": "0"})
