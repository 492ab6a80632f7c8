"""What vlft knows in closed form about model families: one file per family."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlft.models import (
    internvl_chat,
    internvl_hf,
    qwen2_5_vl,
    qwen2_vl,
    qwen3_vl,
    qwen_vl,
)
from vlft.models.base import Family
from vlft.models.limits import PixelLimits, RowLimits, limits_from
from vlft.models.tiny import spec_of
from vlft.models.vision import ImageTokens, SizeError, VideoFile, VideoTokens, Vision

if TYPE_CHECKING:
    from typing import Any

    from vlft.models.architecture import Config, ModelShape
    from vlft.models.remote_code import RemoteCode
    from vlft.models.tiny import TinySize

__all__ = [
    "DEFAULT_FAMILY",
    "FAMILIES",
    "REMOTE_CODE",
    "Family",
    "ImageTokens",
    "PixelLimits",
    "RowLimits",
    "SizeError",
    "VideoFile",
    "VideoTokens",
    "Vision",
    "checkpoint_variables",
    "family_of",
    "limits_from",
    "shape_of",
    "tiny_families",
    "tiny_spec",
]

FAMILIES: tuple[Family, ...] = (
    qwen2_vl.FAMILY,
    qwen2_5_vl.FAMILY,
    qwen3_vl.FAMILY,
    qwen3_vl.MOE,
    internvl_hf.FAMILY,
    internvl_chat.FAMILY,
)

DEFAULT_FAMILY = qwen2_vl.FAMILY
"""Assumed where a model's family is not known and something has to be assumed."""

REMOTE_CODE: tuple[RemoteCode, ...] = (
    qwen_vl.REMOTE_CODE,
    *(family.remote_code for family in FAMILIES if family.remote_code is not None),
)
"""Families with code inside the checkpoint that vlft has patches for."""


def family_of(model_type: str | None) -> Family | None:
    """The family of a config.json's model_type or of ms-swift's own name for it."""
    for family in FAMILIES:
        if model_type in (family.hf_model_type, family.swift_model_type):
            return family
    return None


def shape_of(config: Config) -> ModelShape | None:
    """The sizes of a model, or None where its family is unknown or a size is missing."""
    kind = config.get("model_type")
    family = family_of(kind) if isinstance(kind, str) else None
    return None if family is None else family.shape(config)


def checkpoint_variables(family: Family | None, config: Config | None) -> dict[str, str]:
    """Environment variables that a run needs because of what its config.json says."""
    return {} if family is None or config is None else family.checkpoint_variables(config)


def tiny_families() -> tuple[str, ...]:
    """Families that a tiny model can be built of, by ms-swift's name."""
    return tuple(family.swift_model_type for family in FAMILIES if family.tiny is not None)


def tiny_spec(family: Family, size: TinySize) -> dict[str, Any]:
    """What trainer_side/tiny_model.py reads, ready for JSON.

    Raises:
        ValueError: If the family has no tiny model.
    """
    if family.tiny is None:
        raise ValueError(family.swift_model_type)
    return spec_of(family.swift_model_type, family.tiny(size), size)
