"""InternVL as transformers has it (`…-hf` checkpoints): its processor cuts images into tiles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlft.models.base import Family
from vlft.models.chat import INTERNVL_BOXES, ChatTemplate
from vlft.models.liger import LigerKernels
from vlft.models.tiles import DynamicTiling

if TYPE_CHECKING:
    from vlft.models.architecture import Config, ModelShape
    from vlft.models.tiny import TinyModel, TinySize

CONTROL_TOKENS = (
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<img>", "</img>", "<IMG_CONTEXT>"
)  # fmt: skip
_TILE, _TILE_TOKENS = 56, 4
"""Of the tiny model: patches of 14 pixels, half of each side after the pixel shuffle."""


def _architecture(config: Config) -> ModelShape:
    from vlft.models.architecture import ModelShape, is_tied, part_of
    from vlft.models.intern_vit import first, read_intern_vit, read_language_model

    text, vision = part_of(config, "text_config"), part_of(config, "vision_config")
    decoder = read_language_model(text, tied=is_tied(config, text))
    tower = read_intern_vit(
        config,
        decoder.hidden,
        first(vision.get("image_size") or 448),
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


FAMILY = Family(
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
