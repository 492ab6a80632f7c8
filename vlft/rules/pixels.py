"""Limits on images and videos."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlft.plan.environment import pixel_values
from vlft.rules.base import Context, Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator


@rule("pixels.no-effect", "error", "swift/template/templates: which variable a family reads")
def limits_reach_the_family(context: Context) -> Iterator[Problem]:
    """Every limit is one that the model's family reads."""
    family = context.family
    if family is None:
        return
    for key in pixel_values(context.config.pixels):
        if key not in family.pixel_variables:
            yield Problem(
                ("pixels", *key.split(".")),
                f"`pixels.{key}` has no effect on {family.title}",
                family.pixel_hint,
                at_key=True,
            )


@rule("pixels.min-max", "error", "qwen_vl_utils: smart_resize")
def min_below_max(context: Context) -> Iterator[Problem]:
    """A lower limit is not above the upper one."""
    pixels = context.config.pixels
    for path, low, high in (
        (("pixels", "min"), pixels.min, pixels.max),
        (("pixels", "video", "min"), pixels.video.min, pixels.video.max),
        (("pixels", "video", "min_frames"), pixels.video.min_frames, pixels.video.max_frames),
    ):
        if low is not None and high is not None and low > high:
            yield Problem(path, f"at least {low}, but at most {high}", "swap or widen the two")


@rule("pixels.two-limits", "error", "swift/template/vision_utils.py: rescale_image")
def one_kind_of_limit(context: Context) -> Iterator[Problem]:
    """`pixels.max` and `swift.max_pixels` are not both given: each resizes in its own way."""
    if context.config.pixels.max is not None and "max_pixels" in context.config.swift:
        yield Problem(
            ("swift", "max_pixels"),
            "`swift.max_pixels` shrinks every image before `pixels.max` does so again, "
            "with another rounding",
            "keep `pixels.max` alone",
            at_key=True,
        )
