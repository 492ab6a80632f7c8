"""Limits on images and videos."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlft.rules.base import Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vlft.resolve.run import RunSpec


@rule(
    "pixels.no-effect",
    "error",
    "swift/template/templates: which variable a family reads",
    effect="silent",
)
def limits_reach_the_family(run: RunSpec) -> Iterator[Problem]:
    """Every limit is one that the model's family reads."""
    family = run.family
    if family is None:
        return
    for key in run.pixels:
        if key not in family.pixel_variables:
            yield Problem(
                ("pixels", *key.split(".")),
                f"`pixels.{key}` has no effect on {family.title}",
                family.pixel_hint,
                at_key=True,
            )


@rule("pixels.min-max", "error", "qwen_vl_utils: smart_resize", effect="late")
def min_below_max(run: RunSpec) -> Iterator[Problem]:
    """A lower limit is not above the upper one."""
    for least, most in (
        ("min", "max"),
        ("video.min", "video.max"),
        ("video.min_frames", "video.max_frames"),
    ):
        low, high = run.pixels.get(least), run.pixels.get(most)
        if low is not None and high is not None and low > high:
            path = ("pixels", *least.split("."))
            yield Problem(path, f"at least {low}, but at most {high}", "swap or widen the two")


@rule(
    "pixels.two-limits", "error", "swift/template/vision_utils.py: rescale_image", effect="silent"
)
def one_kind_of_limit(run: RunSpec) -> Iterator[Problem]:
    """`pixels.max` and `swift.max_pixels` are not both given: each resizes in its own way."""
    if "max" in run.pixels and run.args.is_given("max_pixels"):
        yield Problem(
            ("swift", "max_pixels"),
            "`swift.max_pixels` shrinks every image before `pixels.max` does so again, "
            "with another rounding",
            "keep `pixels.max` alone",
            at_key=True,
        )


_VIDEO_READERS = ("decord", "torchcodec")


@rule(
    "pixels.no-video-reader",
    "error",
    "qwen_vl_utils/vision_process.py: a row is replaced",
    effect="silent",
)
def videos_can_be_read(run: RunSpec) -> Iterator[Problem]:
    """With limits for videos, the trainer has a package that reads video files."""
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
