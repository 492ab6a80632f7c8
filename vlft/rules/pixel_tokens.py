"""Limits on images and videos in tokens: against each other, and against a row's length."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlft.resolve.limits import VARIABLES, Key, Limit, limit, side_of_a_token, variables
from vlft.rules.base import Context, Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

_AROUND = 2
"""<|vision_start|> and <|vision_end|>, of each image."""


@rule(
    "pixels.no-limit",
    "warning",
    "qwen_vl_utils: IMAGE_MAX_TOKEN_NUM; swift/template/base.py: MaxLengthError",
    effect="silent",
)
def images_are_limited(context: Context) -> Iterator[Problem]:
    """Where `data.max_length` is shorter than the largest image, images have a limit."""
    side, max_length = side_of_a_token(context), context.config.data.max_length
    if side is None or max_length is None or _scaled_tokens(context, side) is not None:
        return
    top = limit(context, "max", side)
    if top.path is None and top.tokens + _AROUND > max_length:
        megapixels = max_length * side**2 / 1e6
        yield Problem(
            ("data", "max_length"),
            f"no pixel limit: an image becomes up to {top.tokens} tokens, a row holds "
            f"{max_length}; a row with an image over {megapixels:.1f} megapixels is silently "
            "replaced by another one",
            f"write `pixels: {{max: {_fitting(max_length)}*{side}*{side}}}`",
        )


@rule(
    "pixels.over-length",
    "error",
    "swift/template/base.py: MaxLengthError; swift/dataset/utils.py: another row is taken",
    effect="silent",
)
def limits_fit_a_row(context: Context) -> Iterator[Problem]:
    """An image or video as large as its limit allows fits in a row of `data.max_length`."""
    side, max_length = side_of_a_token(context), context.config.data.max_length
    if side is None or max_length is None:
        return
    for problem in (
        _image_over(context, side, max_length),
        _smallest_over(context, side, max_length),
        _video_over(context, side, max_length),
    ):
        if problem is not None:
            yield problem


def _image_over(context: Context, side: int, max_length: int) -> Problem | None:
    top, scaled = limit(context, "max", side), _scaled_tokens(context, side)
    if scaled is not None and (top.path is None or scaled < top.tokens):
        top = Limit(scaled, ("swift", "max_pixels"), "swift.max_pixels")
    if top.path is None or top.tokens + _AROUND <= max_length:
        return None
    return Problem(
        top.path,
        f"`{top.name}` lets an image become {top.tokens} tokens, a row holds {max_length}: "
        "rows with a large image are silently replaced by others",
        f"write `pixels: {{max: {_fitting(max_length)}*{side}*{side}}}`"
        + ("" if top.path[0] == "pixels" else " in its place")
        + ", or a longer `data.max_length`",
    )


def _smallest_over(context: Context, side: int, max_length: int) -> Problem | None:
    low = limit(context, "min", side)
    if low.path is None or low.tokens + _AROUND <= max_length:
        return None
    return Problem(
        low.path,
        f"`{low.name}` makes every image {low.tokens} tokens, a row holds {max_length}: "
        "all rows with an image are silently replaced",
        f"write a smaller limit; {_DEFAULT_MIN}*{side}*{side} is the default",
    )


def _video_over(context: Context, side: int, max_length: int) -> Problem | None:
    """A video has at least min_frames frames (4), two of them to one step in time."""
    top = limit(context, "video.max", side)
    steps = -(-(context.config.pixels.video.min_frames or 4) // 2)
    if top.path is None or steps * top.tokens + _AROUND <= max_length:
        return None
    return Problem(
        top.path,
        f"`{top.name}` lets a frame become {top.tokens} tokens, so a video takes "
        f"{steps * top.tokens} and more; a row holds {max_length}: such rows are silently "
        "replaced by others",
        f"write `pixels: {{video: {{max: {_fitting(max_length // steps)}*{side}*{side}}}}}`",
    )


@rule(
    "pixels.below-default",
    "error",
    "qwen_vl_utils/vision_process.py: smart_resize",
    effect="late",
    says="The max_pixels of image must be greater than or equal to min_pixels",
)
def limits_fit_the_defaults(context: Context) -> Iterator[Problem]:
    """A limit in whole tokens leaves room to the other one, which has a default."""
    side = side_of_a_token(context)
    if side is None:
        return
    low, top = limit(context, "min", side), limit(context, "max", side)
    pixels = context.config.pixels
    swapped = pixels.min and pixels.max and pixels.min > pixels.max  # pixels.min-max says it
    if swapped or (low.tokens <= top.tokens and top.tokens > 0):
        return
    if top.path is not None:
        least, in_tokens = max(low.tokens, 1), top.name.endswith("_NUM")
        yield Problem(
            top.path,
            f"`{top.name}` comes to {top.tokens} tokens of {side}×{side} pixels, and an image "
            f"has at least {least}",
            f"write at least {least}" if in_tokens else f"write at least {least}*{side}*{side}",
        )
    elif low.path is not None:
        yield Problem(
            low.path,
            f"`{low.name}` makes an image at least {low.tokens} tokens; without `pixels.max` "
            f"it has at most {top.tokens}",
            f"write less, or `pixels.max: {low.tokens}*{side}*{side}`",
        )


@rule(
    "pixels.frame-floor",
    "warning",
    "qwen_vl_utils/vision_process.py: fetch_video",
    effect="silent",
)
def frames_can_be_that_small(context: Context) -> Iterator[Problem]:
    """`pixels.video.max` is not below the lower limit of a frame."""
    side = side_of_a_token(context)
    if side is None:
        return
    low, top = limit(context, "video.min", side), limit(context, "video.max", side)
    if top.path is not None and low.path is None and top.tokens < low.tokens:
        yield Problem(
            top.path,
            f"`{top.name}` comes to {top.tokens} tokens a frame, but without "
            f"`pixels.video.min` a frame has at least {low.tokens}",
            f"write `video: {{min: {max(top.tokens // 2, 1)}*{side}*{side}}}` as well",
        )


@rule(
    "pixels.token-variable",
    "error",
    "swift/model/models/qwen.py: compat_qwen_vl_utils",
    effect="silent",
)
def tokens_do_not_overrule_pixels(context: Context) -> Iterator[Problem]:
    """A limit under `pixels:` is not overruled by a variable that counts tokens."""
    side = side_of_a_token(context)
    if side is None:
        return
    pixels = context.config.pixels
    given: tuple[tuple[Key, int | None], ...] = (
        ("min", pixels.min),
        ("max", pixels.max),
        ("video.min", pixels.video.min),
        ("video.max", pixels.video.max),
    )
    for key, value in given:
        name = VARIABLES[key][0]
        for values, path in variables(context, name):
            if value is None or not str(values.get(name) or ""):
                continue
            from_caller = path == ("env",)
            yield Problem(
                ("pixels", *key.split(".")) if from_caller else path,
                f"`pixels.{key}` has no effect beside `{name}`"
                + (", which the environment has" if from_caller else ""),
                f"unset {name}" if from_caller else f"keep `pixels.{key}` alone",
                at_key=True,
            )
            break


_DEFAULT_MIN = VARIABLES["min"][2]


def _scaled_tokens(context: Context, side: int) -> int | None:
    """Tokens of the largest image after `swift.max_pixels`; None if it is not given."""
    value = context.config.swift.get("max_pixels")
    if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
        return None
    return value // side**2


def _fitting(tokens: int) -> int:
    """A limit in tokens that leaves at least half of so many tokens to the text."""
    return max(_DEFAULT_MIN, 1 << max(0, (tokens // 2).bit_length() - 1))
