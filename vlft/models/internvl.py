"""InternVL: images cut into tiles of fixed size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vlft.models.base import Family
from vlft.models.chat import ChatTemplate
from vlft.models.tile_vision import TileVision, tile_side

if TYPE_CHECKING:
    from collections.abc import Mapping

# ruff: noqa: RUF001 - these are the templates' own prompts
_INTERNVL2_SYSTEM = (
    "你是由上海人工智能实验室联合商汤科技开发的书生多模态大模型，英文名叫InternVL, "
    "是一个有用无害的人工智能助手。"
)
_INTERNVL2_5_SYSTEM = (
    "你是书生·万象，英文名是InternVL，是由上海人工智能实验室、清华大学及多家合作单位"
    "联合开发的多模态大语言模型。"
)

INTERNVL_HF = Family(
    title="InternVL (transformers' own form)",
    hf_model_type="internvl",
    swift_model_type="internvl",
    template="internvl_hf",
    pixel_hint="ms-swift has no pixel limit for this form; `swift.max_pixels` shrinks the "
    "images first, the number of tokens stays what the processor makes of them",
    vision=TileVision(native=False),
    templates=(ChatTemplate("internvl_hf", boxes="internvl"),),
)

# Read by ms-swift's InternVL template (template/templates/internvl.py). Which of its
# templates applies differs by release, and ms-swift finds it by the folder's name.
INTERNVL_CHAT = Family(
    title="InternVL (code inside the checkpoint)",
    hf_model_type="internvl_chat",
    swift_model_type="internvl_chat",
    template=None,
    pixel_variables={"tiles": "MAX_NUM", "video.tiles": "VIDEO_MAX_NUM"},
    pixel_hint="InternVL counts tiles: write `pixels.tiles` (or `pixels.video.tiles`)",
    vision=TileVision(native=True),
    templates=(
        ChatTemplate("internvl2", _INTERNVL2_SYSTEM, video_inside=True, boxes="internvl"),
        ChatTemplate("internvl2_5", _INTERNVL2_5_SYSTEM, video_inside=True, boxes="internvl"),
        ChatTemplate("internvl3_5", video_inside=True, boxes="internvl"),
    ),
)

SWIFTS_TILE = 448
"""Side of a tile in pixels where INPUT_SIZE is not set."""


def tile_variables(family: Family | None, config: Mapping[str, Any] | None) -> dict[str, str]:
    """INPUT_SIZE for a checkpoint of another tile than ms-swift takes every InternVL's to be.

    Its template knows neither `force_image_size` nor the tower's `image_size`
    (template/templates/internvl.py: init_env_args).
    """
    if family is not INTERNVL_CHAT or config is None:
        return {}
    side = tile_side(config)
    return {} if side in (None, SWIFTS_TILE) else {"INPUT_SIZE": str(side)}
