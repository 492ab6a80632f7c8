"""What vlft knows in closed form about model families: one file for those of one name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vlft.models.base import Family, RemoteCode
from vlft.models.internvl import INTERNVL_CHAT, INTERNVL_HF
from vlft.models.limits import PixelLimits, RowLimits, limits_from
from vlft.models.qwen_vl import QWEN2_5_VL, QWEN2_VL, QWEN3_VL, QWEN3_VL_MOE, QWEN_VL_CODE
from vlft.models.vision import ImageTokens, SizeError, VideoFile, VideoTokens, Vision

if TYPE_CHECKING:
    from vlft.models.architecture import Config, ModelShape
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
    QWEN2_VL,
    QWEN2_5_VL,
    QWEN3_VL,
    QWEN3_VL_MOE,
    INTERNVL_HF,
    INTERNVL_CHAT,
)

DEFAULT_FAMILY = QWEN2_VL
"""Assumed where a model's family is not known and something has to be assumed."""

REMOTE_CODE: tuple[RemoteCode, ...] = (
    QWEN_VL_CODE,
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
    from msgspec import to_builtins

    from vlft.models.tiny import FIRST_SPECIAL_ID, VOCAB_SIZE

    if family.tiny is None:
        raise ValueError(family.swift_model_type)
    return {
        "family": family.swift_model_type,
        "vocab_size": VOCAB_SIZE,
        "first_special_id": FIRST_SPECIAL_ID,
        "embedding_std": size.embedding_std,
        **to_builtins(family.tiny(size)),
    }
