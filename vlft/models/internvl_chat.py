"""InternVL as published: its code is in the checkpoint, and ms-swift cuts images into tiles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlft.models.base import Family
from vlft.models.chat import INTERNVL_BOXES, ChatTemplate
from vlft.models.internvl_hf import CONTROL_TOKENS
from vlft.models.remote_code import CodePatch, RemoteCode
from vlft.models.tiles import DynamicTiling, tile_side

if TYPE_CHECKING:
    from vlft.models.architecture import Config, ModelShape

# ruff: noqa: RUF001 - these are the templates' own prompts
_INTERNVL2_SYSTEM = (
    "你是由上海人工智能实验室联合商汤科技开发的书生多模态大模型，英文名叫InternVL, "
    "是一个有用无害的人工智能助手。"
)
_INTERNVL2_5_SYSTEM = (
    "你是书生·万象，英文名是InternVL，是由上海人工智能实验室、清华大学及多家合作单位"
    "联合开发的多模态大语言模型。"
)

SWIFTS_TILE = 448
"""Side of a tile in pixels where INPUT_SIZE is not set."""


def _tile_variable(config: Config) -> dict[str, str]:
    """INPUT_SIZE for a checkpoint of another tile than ms-swift takes every InternVL's to be.

    Its template knows neither `force_image_size` nor the tower's `image_size`
    (template/templates/internvl.py: init_env_args).
    """
    side = tile_side(config)
    return {} if side in (None, SWIFTS_TILE) else {"INPUT_SIZE": str(side)}


def language_model_of(config: Config) -> str | None:
    """Class of the language model inside a checkpoint; None if config.json does not say."""
    text = config.get("llm_config")
    names = text.get("architectures") if isinstance(text, dict) else None
    return str(names[0]) if isinstance(names, list) and names else None


def has_own_language_model(config: Config) -> bool:
    """Whether that class is in the checkpoint as well, rather than one of transformers'."""
    text = config.get("llm_config")
    return isinstance(text, dict) and bool(text.get("auto_map"))


def _architecture(config: Config) -> ModelShape:
    from vlft.models.architecture import ModelShape, part_of
    from vlft.models.intern_vit import first, read_intern_vit, read_language_model

    text, vision = part_of(config, "llm_config"), part_of(config, "vision_config")
    decoder = read_language_model(text, tied=bool(text.get("tie_word_embeddings", False)))
    tower = read_intern_vit(
        config,
        decoder.hidden,
        first(config.get("force_image_size") or vision.get("image_size") or 448),
        joined_qkv=True,
        qkv_bias=vision.get("qkv_bias", True),
        qk_norm=vision.get("qk_normalization", False),
    )
    return ModelShape(decoder, tower)


def _template(name: str, system: str | None = None) -> ChatTemplate:
    return ChatTemplate(name, system, video_inside=True, boxes=INTERNVL_BOXES)


# Read by ms-swift's InternVL template (template/templates/internvl.py). Which of its
# templates applies differs by release, and ms-swift finds it by the folder's name.
FAMILY = Family(
    title="InternVL (code inside the checkpoint)",
    hf_model_type="internvl_chat",
    swift_model_type="internvl_chat",
    template=None,
    pixel_variables={"tiles": "MAX_NUM", "video.tiles": "VIDEO_MAX_NUM"},
    pixel_hint="InternVL counts tiles: write `pixels.tiles` (or `pixels.video.tiles`)",
    vision=DynamicTiling(native=True),
    templates=(
        _template("internvl2", _INTERNVL2_SYSTEM),
        _template("internvl2_5", _INTERNVL2_5_SYSTEM),
        _template("internvl3_5"),
    ),
    control_tokens=CONTROL_TOKENS,
    video_loader="swift",
    processor=False,
    checkpoint_variables=_tile_variable,
    architecture=_architecture,
    remote_code=RemoteCode(
        "internvl_chat",
        lambda config: config.get("model_type") == "internvl_chat",
        own_language_model=has_own_language_model,
        patches=(
            CodePatch("post-init", since=(5, 0)),
            CodePatch("ties", since=(5, 0), own_language_model=True),
            CodePatch("buffers", since=(5, 0), own_language_model=True),
            CodePatch("generate", since=(4, 50), own_language_model=True),
            CodePatch("caches", since=(4, 50), own_language_model=True),
            CodePatch("config", since=(4, 50), bare_config=True),
            CodePatch("bnb-head", bnb=True, own_language_model=False),
        ),
    ),
)
