"""The limits of Qwen-VL in pixels, from whichever place they come."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from vlft.models.limits import Number, PixelLimits

IMAGE_MIN_TOKENS, IMAGE_MAX_TOKENS = 4, 16_384
FRAME_MIN_TOKENS, FRAME_MAX_TOKENS = 128, 768


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
