"""Limits on pictures and videos, as ms-swift reads them.

Three kinds act one after the other: `--max_pixels` shrinks a picture before the template sees it
(swift/template/vision_utils.py: rescale_image); variables of the environment hold for the whole
run (swift/model/models/qwen.py: compat_qwen_vl_utils, patch_qwen_vl_utils, and init_env_args of
the InternVL templates); a row's own `chat_template_kwargs` go past both into qwen_vl_utils.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec import Struct, field
from msgspec.structs import fields, replace

from vlft.errors import VlftError

if TYPE_CHECKING:
    from collections.abc import Mapping

Number = int | float

IMAGE_MIN_TOKENS, IMAGE_MAX_TOKENS = 4, 16_384
FRAME_MIN_TOKENS, FRAME_MAX_TOKENS = 128, 768
"""Defaults of qwen_vl_utils, of an image and of a frame."""


class RowLimits(Struct, frozen=True):
    """What one row asks for in its `chat_template_kwargs`; pixels are not quantised here.

    Attributes:
        min_pixels: Of an image or a frame.
        max_pixels: Of an image or a frame. InternVL's templates shrink a picture to it first.
        total_pixels: Of all frames of a video, for the arithmetic of qwen_vl_utils.
        resized_height: With resized_width, goes before all limits in pixels.
        resized_width: See resized_height.
        fps: Frames a second to take from a video.
        nframes: Frames to take, in place of fps.
        min_frames: Least frames to take.
        max_frames: Most frames to take.
        video_start: First second to look at.
        video_end: Last second to look at.
        max_num: Most tiles of a picture. No part of ms-swift's rows; for asking "what if".
        has_video: Whether the row has a video: InternVL then cuts its images as it cuts frames.
    """

    min_pixels: Number | None = None
    max_pixels: Number | None = None
    total_pixels: Number | None = None
    resized_height: int | None = None
    resized_width: int | None = None
    fps: Number | None = None
    nframes: Number | None = None
    min_frames: int | None = None
    max_frames: int | None = None
    video_start: Number | None = None
    video_end: Number | None = None
    max_num: int | None = None
    has_video: bool = False


_TOO_LARGE = 2**63
"""Of pixels, tokens and frames: torch has no integer for more."""

_NO_ROW_LIMITS = RowLimits()


def _variable(name: str, default: float | None = None) -> Any:
    """A limit that an environment variable sets."""
    return field(default=default, name=name)


class PixelLimits(Struct, frozen=True):
    """All limits of a run; the defaults are those of qwen_vl_utils 0.0.14 and ms-swift 4.6.

    Attributes:
        min_pixels: MIN_PIXELS; whole tokens of it count.
        max_pixels: MAX_PIXELS; whole tokens of it count.
        min_tokens: IMAGE_MIN_TOKEN_NUM, before min_pixels; 4 where neither is given.
        max_tokens: IMAGE_MAX_TOKEN_NUM, before max_pixels; 16384 where neither is given.
        video_min_pixels: VIDEO_MIN_PIXELS, of a frame.
        video_max_pixels: VIDEO_MAX_PIXELS, of a frame.
        video_min_tokens: VIDEO_MIN_TOKEN_NUM, of a frame; 128 where neither is given.
        video_max_tokens: VIDEO_MAX_TOKEN_NUM, of a frame; 768 where neither is given.
        fps: FPS, frames a second to take.
        fps_min_frames: FPS_MIN_FRAMES.
        fps_max_frames: FPS_MAX_FRAMES.
        frame_factor: FRAME_FACTOR; the number of frames is a multiple of it.
        max_ratio: MAX_RATIO, of the longer side to the shorter one.
        spatial_merge: SPATIAL_MERGE_SIZE, patches that a token is wide.
        model_seq_len: MODEL_SEQ_LEN, tokens that all frames of a video share.
        max_num: MAX_NUM, most tiles of a picture (InternVL's own form).
        video_max_num: VIDEO_MAX_NUM, most tiles of a frame, and of each image beside a video.
        video_segments: VIDEO_SEGMENTS, frames taken from a video.
        input_size: INPUT_SIZE, side of a tile in pixels; the checkpoint's where it is not given.
        rescale: `--max_pixels`, what a picture is shrunk to first.
        row: What the row itself asks for.
    """

    min_pixels: int | None = _variable("MIN_PIXELS")
    max_pixels: int | None = _variable("MAX_PIXELS")
    min_tokens: int | None = _variable("IMAGE_MIN_TOKEN_NUM")
    max_tokens: int | None = _variable("IMAGE_MAX_TOKEN_NUM")
    video_min_pixels: int | None = _variable("VIDEO_MIN_PIXELS")
    video_max_pixels: int | None = _variable("VIDEO_MAX_PIXELS")
    video_min_tokens: int | None = _variable("VIDEO_MIN_TOKEN_NUM")
    video_max_tokens: int | None = _variable("VIDEO_MAX_TOKEN_NUM")
    fps: float = _variable("FPS", 2.0)
    fps_min_frames: int = _variable("FPS_MIN_FRAMES", 4)
    fps_max_frames: int = _variable("FPS_MAX_FRAMES", 768)
    frame_factor: int = _variable("FRAME_FACTOR", 2)
    max_ratio: int = _variable("MAX_RATIO", 200)
    spatial_merge: int = _variable("SPATIAL_MERGE_SIZE", 2)
    model_seq_len: int = _variable("MODEL_SEQ_LEN", 128_000)
    max_num: int = _variable("MAX_NUM", 12)
    video_max_num: int = _variable("VIDEO_MAX_NUM", 1)
    video_segments: int = _variable("VIDEO_SEGMENTS", 8)
    input_size: int | None = _variable("INPUT_SIZE")
    rescale: int | None = None
    row: RowLimits = _NO_ROW_LIMITS

    def with_row(self, given: Mapping[str, Any] | None, *, has_video: bool = False) -> PixelLimits:
        """These limits for a row with such `chat_template_kwargs`; other keys are left alone.

        Raises:
            VlftError: If a limit is no number.
        """
        asked = {name: value for name, value in (given or {}).items() if value is not None}
        asked = {name: value for name, value in asked.items() if name in _ROW_NAMES}
        for name, value in asked.items():
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            if not is_number or (isinstance(value, float) and math.isnan(value)):
                raise VlftError(f"`{name}` is {value!r}", "write a number")
            if abs(value) > _TOO_LARGE:  # the answer is the same, and every division holds
                asked[name] = _TOO_LARGE if value > 0 else -_TOO_LARGE
        if not asked and not has_video:
            return self
        return replace(self, row=RowLimits(**asked, has_video=has_video))


_ROW_NAMES = frozenset(RowLimits.__struct_fields__) - {"has_video"}

_VARIABLES = {one.encode_name: one.name for one in fields(PixelLimits) if one.encode_name.isupper()}
"""Variable → field."""


def _read(name: str, text: str) -> Number:
    """What ms-swift reads in a variable.

    Raises:
        ValueError, OverflowError: If it is no number.
    """
    if name == "FPS":
        return float(text)
    return int(float(text)) if name == "MODEL_SEQ_LEN" else int(text)


_POSITIVE = frozenset(
    {"FPS", "FRAME_FACTOR", "INPUT_SIZE", "MAX_NUM", "SPATIAL_MERGE_SIZE", "VIDEO_MAX_NUM"}
    | {"VIDEO_SEGMENTS"}
)
"""Variables that something is divided by, or that nothing is taken with at 0."""


def limit_problem(name: str, text: str) -> str | None:
    """What is wrong with the text of a limit's variable; None for a limit that can be used.

    Args:
        name: Of the variable.
        text: Its value; empty is as good as unset.
    """
    if name not in _VARIABLES or not text:
        return None
    try:
        number = _read(name, text)
    except (ValueError, OverflowError):
        return f"is {text!r}, not a number"
    if not abs(number) < _TOO_LARGE:
        return f"is {text!r}, too large"
    return f"is {text!r}: it must be above 0" if name in _POSITIVE and number <= 0 else None


TILE_VARIABLES = frozenset({"INPUT_SIZE", "MAX_NUM", "VIDEO_MAX_NUM", "VIDEO_SEGMENTS"})
"""Limits of the templates that cut tiles."""

RESIZE_VARIABLES = frozenset(_VARIABLES) - TILE_VARIABLES
"""Limits of the templates that resize a picture as a whole."""


def limits_from(environ: Mapping[str, str], rescale: int | None = None) -> PixelLimits:
    """The limits that a trainer with this environment and this `--max_pixels` goes by.

    Args:
        environ: Variables of the trainer; those of `--model_kwargs`, in upper case, go in here.
        rescale: The argument `--max_pixels`; nothing to do with MAX_PIXELS.

    Raises:
        VlftError: If a variable is not a number that ms-swift can compute with.
    """
    given: dict[str, Any] = {}
    for name, limit in _VARIABLES.items():
        if text := environ.get(name):
            problem = limit_problem(name, text)
            if problem is not None:
                raise VlftError(f"{name} {problem}", f"unset {name}")
            given[limit] = _read(name, text)
    return PixelLimits(**given, rescale=rescale if rescale and rescale > 0 else None)


class TokenLimits(NamedTuple):
    """Limits of the run in whole tokens, as qwen_vl_utils has them after ms-swift's patches."""

    image_min: int
    image_max: int
    frame_min: int
    frame_max: int


def token_limits(patch: int, limits: PixelLimits) -> TokenLimits:
    """What the variables come to: tokens first, else pixels in whole tokens, else the default.

    Args:
        patch: Side of a patch in pixels.
        limits: Of the run.
    """
    square = (patch * limits.spatial_merge) ** 2

    def whole(tokens: int | None, pixels: int | None, default: int) -> int:
        if tokens is not None:
            return tokens
        return default if pixels is None else pixels // square

    return TokenLimits(
        whole(limits.min_tokens, limits.min_pixels, IMAGE_MIN_TOKENS),
        whole(limits.max_tokens, limits.max_pixels, IMAGE_MAX_TOKENS),
        whole(limits.video_min_tokens, limits.video_min_pixels, FRAME_MIN_TOKENS),
        whole(limits.video_max_tokens, limits.video_max_pixels, FRAME_MAX_TOKENS),
    )


def image_pixels(factor: int, patch: int, limits: PixelLimits) -> tuple[Number, Number]:
    """Least and most pixels of an image: the row's own, else the run's tokens.

    Args:
        factor: Side of the square that the tokens are counted in.
        patch: Side of a patch, by which the variables were cut to whole tokens.
        limits: Of the run and the row.
    """
    tokens, row = token_limits(patch, limits), limits.row
    low = tokens.image_min * factor**2 if row.min_pixels is None else row.min_pixels
    high = tokens.image_max * factor**2 if row.max_pixels is None else row.max_pixels
    return low, high


def frame_pixels(
    factor: int, patch: int, frames: int, limits: PixelLimits
) -> tuple[Number, Number]:
    """Least and most pixels of a frame (qwen_vl_utils/vision_process.py: fetch_video).

    The more frames, the smaller each may be: they share MODEL_SEQ_LEN. A row's max_pixels
    lowers the limit and never lifts it.
    """
    tokens, row = token_limits(patch, limits), limits.row
    low = tokens.frame_min * factor * factor if row.min_pixels is None else row.min_pixels
    total = row.total_pixels
    if total is None:
        total = limits.model_seq_len * factor * factor * 0.9
    share = total / frames * limits.frame_factor
    high = max(min(tokens.frame_max * factor * factor, share), int(low * 1.05))
    return low, high if row.max_pixels is None else min(row.max_pixels, high)
