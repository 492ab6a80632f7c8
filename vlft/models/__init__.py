"""What vlft knows in closed form about model families."""

from vlft.models.base import Family
from vlft.models.counts import ImageTokens, SizeError, VideoFile, VideoTokens, Vision
from vlft.models.internvl import INTERNVL_CHAT, INTERNVL_HF, tile_variables
from vlft.models.limits import PixelLimits, RowLimits, limits_from
from vlft.models.qwen_vl import QWEN2_5_VL, QWEN2_VL, QWEN3_VL, QWEN3_VL_MOE

__all__ = [
    "FAMILIES",
    "Family",
    "ImageTokens",
    "PixelLimits",
    "RowLimits",
    "SizeError",
    "VideoFile",
    "VideoTokens",
    "Vision",
    "family_of",
    "limits_from",
    "tile_variables",
]

FAMILIES: tuple[Family, ...] = (
    QWEN2_VL,
    QWEN2_5_VL,
    QWEN3_VL,
    QWEN3_VL_MOE,
    INTERNVL_HF,
    INTERNVL_CHAT,
)


def family_of(model_type: str | None) -> Family | None:
    """The family of a config.json's model_type or of ms-swift's own name for it."""
    for family in FAMILIES:
        if model_type in (family.hf_model_type, family.swift_model_type):
            return family
    return None
