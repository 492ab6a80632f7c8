"""Qwen3-VL, dense and with experts: larger patches, and the second before each step of a video."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vlft.models.dynamic_resolution import DynamicResolution
from vlft.models.liger import LigerKernels
from vlft.models.qwen2_vl import FAMILY as QWEN2_VL
from vlft.models.qwen2_vl import IMAGE_TAG, VIDEO_TAG, patch_inputs

if TYPE_CHECKING:
    from vlft.models.architecture import Config, ModelShape
    from vlft.models.tiny import TinyModel, TinySize

_THINKING_TOKENS = ("<tool_response>", "</tool_response>", "<think>", "</think>")


def _architecture(config: Config) -> ModelShape:
    from vlft.models.architecture import ModelShape, VisionShape, is_tied, part_of, read_decoder

    text = part_of(config, "text_config") if config.get("text_config") else config
    decoder = read_decoder(text, tied=is_tied(config, text), qkv_bias=False, qk_norm=True)
    vision = part_of(config, "vision_config")
    tower = VisionShape(
        hidden=vision["hidden_size"],
        intermediate=vision["intermediate_size"],
        depth=vision["depth"],
        heads=vision["num_heads"],
        output=decoder.hidden,
        patch_inputs=patch_inputs(vision, 16),
        patch_bias=True,
        merge=vision.get("spatial_merge_size", 2) ** 2,
        positions=vision.get("num_position_embeddings", 2304),
        deepstack=tuple(sorted(vision.get("deepstack_visual_indexes", ()))),
        input_hook=False,
    )
    return ModelShape(decoder, tower)


def _tiny(size: TinySize) -> TinyModel:
    from vlft.models.tiny import QWEN2_TOKENS, HfClass, TinyModel, tiny_text_config

    patches = {"patch_size": 16, "merge_size": 2}
    text = tiny_text_config(size) | {"head_dim": size.head}
    text["rope_parameters"]["mrope_interleaved"] = True
    vision = {
        "depth": size.vision_layers,
        "num_heads": size.vision_heads,
        "initializer_range": size.init_std,
        "hidden_size": size.vision_hidden,
        "intermediate_size": 2 * size.vision_hidden,
        "out_hidden_size": size.hidden,
        "deepstack_visual_indexes": [0],
        "num_position_embeddings": 64,
    }
    return TinyModel(
        folder="Qwen3-VL-2B-Instruct",
        config=HfClass(
            "Qwen3VLConfig",
            {"text_config": text, "vision_config": vision, "tie_word_embeddings": True},
        ),
        processor=HfClass("Qwen3VLProcessor"),
        image_processor=HfClass("Qwen2VLImageProcessor", patches),
        video_processor=HfClass("Qwen3VLVideoProcessor", patches),
        image_tag=IMAGE_TAG,
        video_tag=VIDEO_TAG,
        special_tokens=(*QWEN2_TOKENS, *_THINKING_TOKENS),
    )


FAMILY = replace(
    QWEN2_VL,
    title="Qwen3-VL",
    hf_model_type="qwen3_vl",
    swift_model_type="qwen3_vl",
    template="qwen3_vl",
    vision=DynamicResolution(
        16, hf_min_pixels=64 * 32**2, hf_max_pixels=16_384 * 32**2, stamps=True
    ),
    templates=(replace(QWEN2_VL.templates[0], name="qwen3_vl", default_system=None),),
    architecture=_architecture,
    liger=LigerKernels(
        text=frozenset({"rms_norm", "rope", "loss"}),
        vision=frozenset({"rope"}),
        keeps_few_logits=True,
    ),
    awq=False,
    tiny=_tiny,
)

MOE = replace(
    FAMILY,
    title="Qwen3-VL-MoE",
    hf_model_type="qwen3_vl_moe",
    swift_model_type="qwen3_vl_moe",
    tiny=None,
)
