"""Limits on images and videos in tokens: against each other, and against a row's length."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlft.config.schema import ENVIRONMENT
from vlft.models.limits import IMAGE_MIN_TOKENS
from vlft.resolve.variables import CALLER, Key, Limit
from vlft.rules.base import Problem, Problems, RunSpec, rule

if TYPE_CHECKING:
    from vlft.config.entry import KeyPath


@rule("error", "silent")
def no_effect(run: RunSpec) -> Problems:
    """Every limit is one that the model's family reads.

    Source: swift/template/templates: which variable a family reads
    """
    family = run.family
    if family is None:
        return
    for key in run.pixels:
        if key not in family.pixel_variables:
            because = f"{family.title} reads no such limit"
            yield Problem.ignored(("pixels", *key.split(".")), because, family.pixel_hint)


@rule("error", "late", says="invalid literal for int() with base 10")
def number(run: RunSpec) -> Problems:
    """A variable that limits images or videos is a number that ms-swift can read.

    Source: swift/utils/env.py: get_env_args; swift/model/models/qwen.py: patch_qwen_vl_utils
    """
    for name, problem in run.limits.problems.items():
        path = run.variables[name].path
        if path == CALLER:
            yield Problem(path, f"`{name}` in the environment {problem}", f"unset {name}")
        elif path[0] != "env" or name not in ENVIRONMENT:  # env.owned reports it
            yield Problem(path, f"`{name}` {problem}", "write a whole number, or remove the key")


@rule("error", "late")
def min_max(run: RunSpec) -> Problems:
    """A lower limit is not above the upper one.

    Source: qwen_vl_utils: smart_resize
    """
    for least, most in (
        ("min", "max"),
        ("video.min", "video.max"),
        ("video.min_frames", "video.max_frames"),
    ):
        low, high = run.pixels.get(least), run.pixels.get(most)
        if low is not None and high is not None and low > high:
            path = ("pixels", *least.split("."))
            yield Problem(path, f"at least {low}, but at most {high}", "swap or widen the two")


@rule("error", "silent")
def two_limits(run: RunSpec) -> Problems:
    """`pixels.max` and `swift.max_pixels` are not both given: each resizes in its own way.

    Source: swift/template/vision_utils.py: rescale_image
    """
    if "max" in run.pixels and run.args.is_given("max_pixels"):
        yield Problem(
            ("swift", "max_pixels"),
            "`swift.max_pixels` shrinks every image before `pixels.max` does so again, "
            "with another rounding",
            "keep `pixels.max` alone",
            at_key=True,
        )


_VIDEO_READERS = ("decord", "torchcodec")


@rule("error", "silent")
def no_video_reader(run: RunSpec) -> Problems:
    """With limits for videos, the trainer has a package that reads video files.

    Source: qwen_vl_utils/vision_process.py: a row is replaced
    """
    interpreter, limits = run.facts.interpreter, run.pixels
    if interpreter is None or not any(key.startswith("video.") for key in limits):
        return
    family = run.family
    reads_frames = family is not None and "video.fps" in family.pixel_variables
    if reads_frames and not any(name in interpreter.packages for name in _VIDEO_READERS):
        yield Problem(
            ("pixels", "video"),
            f"neither decord nor torchcodec is installed in {interpreter.python}; ms-swift "
            "would train on other rows in place of those with a video file, and not say so",
            f"{interpreter.python} -m pip install decord",
            at_key=True,
        )


_AROUND = 2
"""<|vision_start|> and <|vision_end|>, of each image."""


@rule("warning", "silent")
def no_limit(run: RunSpec) -> Problems:
    """Where a row is shorter than the largest image, images have a limit.

    Source: qwen_vl_utils: IMAGE_MAX_TOKEN_NUM; swift/template/base.py: MaxLengthError
    """
    side, max_length = run.limits.side, run.row_length
    if side is None or max_length is None or _scaled_tokens(run, side) is not None:
        return
    top = run.limits.limit("max")
    if top.path is None and top.tokens + _AROUND > max_length:
        megapixels = max_length * side**2 / 1e6
        yield Problem(
            _length_path(run),
            f"no pixel limit: an image becomes up to {top.tokens} tokens, a row holds "
            f"{max_length}; a row with an image over {megapixels:.1f} megapixels is silently "
            "replaced by another one",
            f"write `pixels: {{max: {_fitting(max_length)}*{side}*{side}}}`",
        )


@rule("error", "silent")
def over_length(run: RunSpec) -> Problems:
    """An image or video as large as its limit allows fits in a row.

    Source: swift/template/base.py: MaxLengthError; swift/dataset/utils.py: another row is taken
    """
    side, max_length = run.limits.side, run.row_length
    if side is None or max_length is None:
        return
    yield from _image_over(run, side, max_length)
    yield from _smallest_over(run, side, max_length)
    yield from _video_over(run, side, max_length)


def _length_path(run: RunSpec) -> KeyPath:
    """The key that decides how long a row may be: without one the model does."""
    given = run.args.is_given("max_length")
    return run.args.path("max_length") if given else ("model", "path")


def _image_over(run: RunSpec, side: int, max_length: int) -> Problems:
    top, scaled = run.limits.limit("max"), _scaled_tokens(run, side)
    if scaled is not None and (top.path is None or scaled < top.tokens):
        top = Limit(scaled, ("swift", "max_pixels"), "swift.max_pixels")
    if top.path is not None and top.tokens + _AROUND > max_length:
        instead = "" if top.path[0] == "pixels" else " in its place"
        yield Problem(
            top.path,
            f"`{top.name}` lets an image become {top.tokens} tokens, a row holds {max_length}: "
            "rows with a large image are silently replaced by others",
            f"write `pixels: {{max: {_fitting(max_length)}*{side}*{side}}}`{instead}, "
            "or a longer `data.max_length`",
        )


def _smallest_over(run: RunSpec, side: int, max_length: int) -> Problems:
    low = run.limits.limit("min")
    if low.path is not None and low.tokens + _AROUND > max_length:
        yield Problem(
            low.path,
            f"`{low.name}` makes every image {low.tokens} tokens, a row holds {max_length}: "
            "all rows with an image are silently replaced",
            f"write a smaller limit; {IMAGE_MIN_TOKENS}*{side}*{side} is the default",
        )


def _video_over(run: RunSpec, side: int, max_length: int) -> Problems:
    """A video has at least min_frames frames (4), two of them to one step in time."""
    top = run.limits.limit("video.max")
    steps = -(-(int(run.pixels.get("video.min_frames", 4))) // 2)
    if top.path is not None and steps * top.tokens + _AROUND > max_length:
        yield Problem(
            top.path,
            f"`{top.name}` lets a frame become {top.tokens} tokens, so a video takes "
            f"{steps * top.tokens} and more; a row holds {max_length}: such rows are silently "
            "replaced by others",
            f"write `pixels: {{video: {{max: {_fitting(max_length // steps)}*{side}*{side}}}}}`",
        )


@rule("error", "late", says="The max_pixels of image must be greater than or equal to min_pixels")
def below_default(run: RunSpec) -> Problems:
    """A limit in whole tokens leaves room to the other one, which has a default.

    Source: qwen_vl_utils/vision_process.py: smart_resize
    """
    side = run.limits.side
    if side is None:
        return
    low, top = run.limits.limit("min"), run.limits.limit("max")
    least, most = run.pixels.get("min"), run.pixels.get("max")
    swapped = least and most and least > most  # pixels.min-max reports it
    if _is_owned(low) or _is_owned(top):  # env.owned reports it
        return
    if swapped or (low.tokens <= top.tokens and top.tokens > 0):
        return
    if top.path is not None:
        floor = max(low.tokens, 1)
        in_pixels = "" if top.name.endswith("_NUM") else f"*{side}*{side}"
        yield Problem(
            top.path,
            f"`{top.name}` comes to {top.tokens} tokens of {side}×{side} pixels, and an image "
            f"has at least {floor}",
            f"write at least {floor}{in_pixels}",
        )
    elif low.path is not None:
        yield Problem(
            low.path,
            f"`{low.name}` makes an image at least {low.tokens} tokens; without `pixels.max` "
            f"it has at most {top.tokens}",
            f"write less, or `pixels.max: {low.tokens}*{side}*{side}`",
        )


@rule("warning", "silent")
def frame_floor(run: RunSpec) -> Problems:
    """`pixels.video.max` is not below the lower limit of a frame.

    Source: qwen_vl_utils/vision_process.py: fetch_video
    """
    side = run.limits.side
    if side is None:
        return
    low, top = run.limits.limit("video.min"), run.limits.limit("video.max")
    if top.path is not None and low.path is None and top.tokens < low.tokens:
        yield Problem(
            top.path,
            f"`{top.name}` comes to {top.tokens} tokens a frame, but without "
            f"`pixels.video.min` a frame has at least {low.tokens}",
            f"write `video: {{min: {max(top.tokens // 2, 1)}*{side}*{side}}}` as well",
        )


@rule("error", "silent")
def token_variable(run: RunSpec) -> Problems:
    """A limit under `pixels:` is not overruled by a variable that counts tokens.

    Source: swift/model/models/qwen.py: compat_qwen_vl_utils
    """
    side = run.limits.side
    if side is None:
        return
    for key in _KEYS:
        override = run.limits.override(key)
        if key not in run.pixels or override is None:
            continue
        name, variable = override
        from_caller = variable.path == CALLER
        yield Problem(
            ("pixels", *key.split(".")) if from_caller else variable.path,
            f"`pixels.{key}` has no effect beside `{name}`"
            + (", which the environment has" if from_caller else ""),
            f"unset {name}" if from_caller else f"keep `pixels.{key}` alone",
            at_key=True,
        )


def _is_owned(limit: Limit) -> bool:
    """Whether a variable stands where `pixels:` decides it."""
    return limit.path not in (None, CALLER) and limit.name in ENVIRONMENT


_KEYS: tuple[Key, ...] = ("min", "max", "video.min", "video.max")


def _scaled_tokens(run: RunSpec, side: int) -> int | None:
    """Tokens of the largest image after `swift.max_pixels`; None if it is not given."""
    value = run.limits.rescale
    return None if value is None or value <= 0 else value // side**2


def _fitting(tokens: int) -> int:
    """A limit in tokens that leaves at least half of so many tokens to the text."""
    return max(IMAGE_MIN_TOKENS, 1 << max(0, (tokens // 2).bit_length() - 1))
