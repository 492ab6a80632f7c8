"""Qwen2-VL: images of any size, limited in pixels. Later generations build on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vlft.models.base import Family
from vlft.models.chat import ChatTemplate
from vlft.models.dynamic_resolution import DynamicResolution
from vlft.models.liger import LigerKernels

if TYPE_CHECKING:
    from vlft.models.architecture import Config, ModelShape
    from vlft.models.tiny import TinyModel, TinySize

# Read by ms-swift's Qwen templates through qwen_vl_utils (template/templates/qwen.py).
PIXEL_VARIABLES = {
    "min": "MIN_PIXELS",
    "max": "MAX_PIXELS",
    "video.min": "VIDEO_MIN_PIXELS",
    "video.max": "VIDEO_MAX_PIXELS",
    "video.fps": "FPS",
    "video.min_frames": "FPS_MIN_FRAMES",
    "video.max_frames": "FPS_MAX_FRAMES",
}
# Tokens for boxes, references and tool calls are legal text: Qwen's own data has them.
CONTROL_TOKENS = (
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>",
    "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>", "<|fim_prefix|>", "<|fim_middle|>",
    "<|fim_suffix|>", "<|fim_pad|>", "<|repo_name|>", "<|file_sep|>",
)  # fmt: skip
IMAGE_TAG = "<|vision_start|><|image_pad|><|vision_end|>"
VIDEO_TAG = "<|vision_start|><|video_pad|><|vision_end|>"


def _architecture(config: Config) -> ModelShape:
    from vlft.models.architecture import ModelShape, VisionShape, is_tied, part_of, read_decoder

    text = part_of(config, "text_config") if config.get("text_config") else config
    decoder = read_decoder(text, tied=is_tied(config, text), qkv_bias=True)
    vision = part_of(config, "vision_config")
    tower = VisionShape(
        hidden=vision["embed_dim"],
        intermediate=int(vision["embed_dim"] * vision.get("mlp_ratio", 4)),
        depth=vision["depth"],
        heads=vision["num_heads"],
        output=decoder.hidden,
        patch_inputs=patch_inputs(vision, 14),
        patch_bias=False,
        mlp="quick_gelu",
        merge=vision.get("spatial_merge_size", 2) ** 2,
    )
    return ModelShape(decoder, tower)


def patch_inputs(vision: Config, side: int) -> int:
    """Values of a patch: channels × frames × side².

    Args:
        vision: The tower's part of config.json.
        side: Of a patch in pixels, where that part does not say.
    """
    channels = vision.get("in_channels", vision.get("in_chans", 3))
    patch: int = (
        channels * vision.get("temporal_patch_size", 2) * vision.get("patch_size", side) ** 2
    )
    return patch


def _tiny(size: TinySize) -> TinyModel:
    from vlft.models.tiny import HfClass, TinyModel, tiny_text_config

    vision: dict[str, Any] = {
        "depth": size.vision_layers,
        "num_heads": size.vision_heads,
        "initializer_range": size.init_std,
        "embed_dim": size.vision_hidden,
        "hidden_size": size.hidden,
        "mlp_ratio": 2,
    }
    patches = {"patch_size": 14, "merge_size": 2}
    return TinyModel(
        folder="Qwen2-VL-2B-Instruct",
        config=HfClass(
            "Qwen2VLConfig",
            {
                "text_config": tiny_text_config(size),
                "vision_config": vision,
                "tie_word_embeddings": True,
            },
        ),
        processor=HfClass("Qwen2VLProcessor"),
        image_processor=HfClass("Qwen2VLImageProcessor", patches),
        video_processor=HfClass("Qwen2VLVideoProcessor", patches),
        image_tag=IMAGE_TAG,
        video_tag=VIDEO_TAG,
    )


FAMILY = Family(
    title="Qwen2-VL",
    hf_model_type="qwen2_vl",
    swift_model_type="qwen2_vl",
    template="qwen2_vl",
    pixel_variables=PIXEL_VARIABLES,
    pixel_hint="Qwen-VL has no tiles: write `pixels.max`, a number of pixels such as 1024*28*28",
    # The limits of transformers' processor are those in the published checkpoints.
    vision=DynamicResolution(14, hf_min_pixels=4 * 28**2, hf_max_pixels=16_384 * 28**2),
    templates=(
        ChatTemplate(
            name="qwen2_vl",
            default_system="You are a helpful assistant.",
            auto_bos=False,
            stop_words=("<|im_end|>", "<|endoftext|>"),
            agent="hermes",
        ),
    ),
    control_tokens=CONTROL_TOKENS,
    architecture=_architecture,
    liger=LigerKernels(
        text=frozenset({"rms_norm", "gate", "rope", "loss"}), vision=frozenset({"layer_norm"})
    ),
    awq=True,
    tiny=_tiny,
)
