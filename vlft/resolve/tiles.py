"""The tiles that a run cuts pictures into, and the model as it sees them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vlft.models.vision import SizeError

if TYPE_CHECKING:
    from vlft.models import Family
    from vlft.models.architecture import ModelShape
    from vlft.models.limits import PixelLimits
    from vlft.models.vision import Vision
    from vlft.probe.collect import Facts


def run_vision(family: Family, facts: Facts) -> Vision | None:
    """The family's arithmetic for the run's checkpoint.

    A model that is not here is taken for a published one: INPUT_SIZE is not set for it either.
    """
    checkpoint = facts.model.checkpoint
    if family.vision is None or checkpoint is None:
        return family.vision
    return family.vision.of_checkpoint({**checkpoint.config, **checkpoint.preprocessor})


def with_run_tiles(model: ModelShape, vision: Vision | None, limits: PixelLimits) -> ModelShape:
    """The model with tiles of the size that the run cuts: INPUT_SIZE may ask for another one.

    Args:
        model: Sizes of the model.
        vision: How its run makes tokens of pictures.
        limits: Of the run.
    """
    shape = model.vision
    if vision is None or not shape.tile_patches:
        return model
    try:
        tokens = vision.image_tokens(1, 1, limits)  # so small a picture is one tile
    except SizeError:
        return model
    return replace(model, vision=replace(shape, tile_patches=tokens * shape.merge + 1))
