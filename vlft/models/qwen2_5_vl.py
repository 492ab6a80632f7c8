"""Qwen2.5-VL: Qwen2-VL with windows in the tower, and boxes in pixels of the resized image."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vlft.models.liger import LigerKernels
from vlft.models.qwen2_vl import FAMILY as QWEN2_VL
from vlft.models.qwen2_vl import IMAGE_TAG, VIDEO_TAG, patch_inputs

if TYPE_CHECKING:
    from vlft.models.architecture import Config, ModelShape
    from vlft.models.tiny import TinyModel, TinySize


def _architecture(config: Config) -> ModelShape:
    from vlft.models.architecture import ModelShape, VisionShape, is_tied, part_of, read_decoder

    text = part_of(config, "text_config") if config.get("text_config") else config
    decoder = read_decoder(text, tied=is_tied(config, text), qkv_bias=True)
    vision = part_of(config, "vision_config")
    tower = VisionShape(
        hidden=vision["hidden_size"],
        intermediate=vision["intermediate_size"],
        depth=vision["depth"],
        heads=vision["num_heads"],
        output=decoder.hidden,
        patch_inputs=patch_inputs(vision, 14),
        patch_bias=False,
        norm="rms_norm",
        mlp="gated",
        merge=vision.get("spatial_merge_size", 2) ** 2,
        windowed=True,
        full_attention=tuple(vision.get("fullatt_block_indexes", ())),
    )
    return ModelShape(decoder, tower)


def _tiny(size: TinySize) -> TinyModel:
    from vlft.models.tiny import HfClass, TinyModel, tiny_text_config

    patches = {"patch_size": 14, "merge_size": 2}
    vision = {
        "depth": size.vision_layers,
        "num_heads": size.vision_heads,
        "initializer_range": size.init_std,
        "hidden_size": size.vision_hidden,
        "intermediate_size": 2 * size.vision_hidden,
        "out_hidden_size": size.hidden,
        "fullatt_block_indexes": [size.vision_layers - 1],
    }
    return TinyModel(
        folder="Qwen2.5-VL-3B-Instruct",
        config=HfClass(
            "Qwen2_5_VLConfig",
            {
                "text_config": tiny_text_config(size),
                "vision_config": vision,
                "tie_word_embeddings": True,
            },
        ),
        processor=HfClass("Qwen2_5_VLProcessor"),
        image_processor=HfClass("Qwen2VLImageProcessor", patches),
        video_processor=HfClass("Qwen2VLVideoProcessor", patches),
        image_tag=IMAGE_TAG,
        video_tag=VIDEO_TAG,
    )


FAMILY = replace(
    QWEN2_VL,
    title="Qwen2.5-VL",
    hf_model_type="qwen2_5_vl",
    swift_model_type="qwen2_5_vl",
    template="qwen2_5_vl",
    templates=(replace(QWEN2_VL.templates[0], name="qwen2_5_vl", box_scale="resized"),),
    architecture=_architecture,
    liger=LigerKernels(
        text=frozenset({"rms_norm", "gate", "rope", "loss"}), vision=frozenset({"rms_norm"})
    ),
    tiny=_tiny,
)
