"""InternVL as published, with its code in the checkpoint, and as transformers has it.

ms-swift cuts images of the first into tiles; the processor those of the second (`…-hf`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vlft.models.architecture import (
    Config,
    LigerKernels,
    ModelShape,
    TextShape,
    VisionShape,
    is_tied,
    part_of,
    read_decoder,
)
from vlft.models.base import CodePatch, Family, RemoteCode
from vlft.models.chat import INTERNVL_BOXES, ChatTemplate
from vlft.models.tiles import DynamicTiling, tile_side

if TYPE_CHECKING:
    from vlft.models.tiny import TinyModel, TinySize

CONTROL_TOKENS = (
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<img>", "</img>", "<IMG_CONTEXT>"
)  # fmt: skip


def _tower(
    vision: Config,
    config: Config,
    output: int,
    side: object,
    *,
    joined_qkv: bool,
    qkv_bias: bool,
    qk_norm: bool,
    final_norm: bool = False,
) -> VisionShape:
    """InternViT; its two forms name the same sizes alike, and the variants not.

    Args:
        vision: The tower's part of config.json.
        config: The whole config.json.
        output: Width of the text.
        side: Of a tile, in pixels; the tower's positions are those of its own `image_size`.
        joined_qkv: As in VisionShape.
        qkv_bias: As in VisionShape.
        qk_norm: As in VisionShape.
        final_norm: As in VisionShape.
    """
    patch = _first(vision.get("patch_size", 14))
    return VisionShape(
        hidden=vision["hidden_size"],
        intermediate=vision["intermediate_size"],
        depth=vision["num_hidden_layers"],
        heads=vision["num_attention_heads"],
        output=output,
        patch_inputs=vision.get("num_channels", 3) * patch**2,
        patch_bias=True,
        norm="rms_norm" if vision.get("norm_type", "layer_norm") == "rms_norm" else "layer_norm",
        joined_qkv=joined_qkv,
        qkv_bias=qkv_bias,
        qk_norm=qk_norm,
        final_norm=final_norm,
        merge=round(1 / config.get("downsample_ratio", 0.5)) ** 2,
        positions=(_first(vision.get("image_size") or 448) // patch) ** 2 + 1,
        tile_patches=(_first(side or 448) // patch) ** 2 + 1,
    )


def _first(value: Any) -> int:
    """A size that may be written as [height, width]."""
    return int(value[0] if isinstance(value, (list, tuple)) else value)


def _decoder(text: Config, *, tied: bool) -> TextShape:
    """The language model: Qwen2, Qwen3, InternLM2 or Llama.

    Raises:
        ValueError: If it is another one.
    """
    kind = str(text.get("model_type", ""))
    architectures = "".join(text.get("architectures") or ()).lower()
    if kind == "internlm2" or "internlm2" in architectures:
        return read_decoder(text, tied=tied, qkv_bias=bool(text.get("bias")), fused_qkv=True)
    if kind == "qwen2" or "qwen2" in architectures:
        return read_decoder(text, tied=tied, qkv_bias=True)
    if kind in {"qwen3", "qwen3_moe"}:
        return read_decoder(text, tied=tied, qkv_bias=False, qk_norm=True)
    if kind == "llama":
        return read_decoder(text, tied=tied, qkv_bias=bool(text.get("attention_bias")))
    raise ValueError(kind)


# As transformers has it -------------------------------------------------------------------------
_TILE, _TILE_TOKENS = 56, 4
"""Of the tiny model: patches of 14 pixels, half of each side after the pixel shuffle."""


def _architecture(config: Config) -> ModelShape:
    text, vision = part_of(config, "text_config"), part_of(config, "vision_config")
    decoder = _decoder(text, tied=is_tied(config, text))
    tower = _tower(
        vision,
        config,
        decoder.hidden,
        vision.get("image_size"),
        joined_qkv=False,
        qkv_bias=vision.get("attention_bias", False),
        qk_norm=vision.get("use_qk_norm", False),
        final_norm=not vision.get("use_mean_pooling", True),
    )
    return ModelShape(decoder, tower)


def _tiny(size: TinySize) -> TinyModel:
    from vlft.models.tiny import QWEN2_TOKENS, HfClass, TinyModel, tiny_text_config

    side = {"height": _TILE, "width": _TILE}
    text = tiny_text_config(size) | {
        "model_type": "qwen2",
        "rope_parameters": {"rope_type": "default", "rope_theta": 1e4},
    }
    vision = {
        "hidden_size": size.vision_hidden,
        "intermediate_size": 2 * size.vision_hidden,
        "num_hidden_layers": size.vision_layers,
        "num_attention_heads": size.vision_heads,
        "image_size": _TILE,
        "initializer_range": size.init_std,
    }
    return TinyModel(
        folder="InternVL3-1B-hf",
        config=HfClass(
            "InternVLConfig",
            {
                "text_config": text,
                "vision_config": vision,
                "image_seq_length": _TILE_TOKENS,
                "tie_word_embeddings": True,
            },
        ),
        processor=HfClass("InternVLProcessor", {"image_seq_length": _TILE_TOKENS}),
        image_processor=HfClass(
            "GotOcr2ImageProcessor", {"size": side, "crop_to_patches": True, "max_patches": 12}
        ),
        video_processor=HfClass("InternVLVideoProcessor", {"size": side}),
        image_tag="<IMG_CONTEXT>\\n",
        video_tag="<video>\\n",
        special_tokens=(
            *QWEN2_TOKENS, "<img>", "</img>", "<IMG_CONTEXT>", "<quad>", "</quad>", "<ref>",
            "</ref>", "<box>", "</box>", "<video>",
        ),
        named_tokens={
            "start_image_token": "<img>",
            "end_image_token": "</img>",
            "context_image_token": "<IMG_CONTEXT>",
            "video_token": "<video>",
        },
    )  # fmt: skip


INTERNVL_HF = Family(
    title="InternVL (transformers' own form)",
    hf_model_type="internvl",
    swift_model_type="internvl",
    template="internvl_hf",
    pixel_hint="ms-swift has no pixel limit for this form; `swift.max_pixels` shrinks the "
    "images first, the number of tokens stays what the processor makes of them",
    vision=DynamicTiling(native=False),
    templates=(ChatTemplate("internvl_hf", boxes=INTERNVL_BOXES),),
    control_tokens=CONTROL_TOKENS,
    video_loader="transformers",
    architecture=_architecture,
    liger=LigerKernels(
        text=frozenset({"rms_norm", "gate", "rope", "loss"}),
        vision=frozenset({"rms_norm", "layer_norm"}),
        keeps_few_logits=True,
    ),
    needless_packages=("timm",),
    tiny=_tiny,
)

# As published -----------------------------------------------------------------------------------
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


def _native_architecture(config: Config) -> ModelShape:
    text, vision = part_of(config, "llm_config"), part_of(config, "vision_config")
    decoder = _decoder(text, tied=bool(text.get("tie_word_embeddings", False)))
    tower = _tower(
        vision,
        config,
        decoder.hidden,
        config.get("force_image_size") or vision.get("image_size"),
        joined_qkv=True,
        qkv_bias=vision.get("qkv_bias", True),
        qk_norm=vision.get("qk_normalization", False),
    )
    return ModelShape(decoder, tower)


def _template(name: str, system: str | None = None) -> ChatTemplate:
    return ChatTemplate(name, system, video_inside=True, boxes=INTERNVL_BOXES)


# Read by ms-swift's InternVL template (template/templates/internvl.py). Which of its
# templates applies differs by release, and ms-swift finds it by the folder's name.
INTERNVL_CHAT = Family(
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
    architecture=_native_architecture,
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
