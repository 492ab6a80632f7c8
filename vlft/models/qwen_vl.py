"""Qwen-VL: images of any size, limited in pixels, from the second generation on.

The first has its code in the checkpoint, and every image is 256 tokens; vlft has no arithmetic for
it, only what its code needs on newer releases of transformers. Qwen2.5-VL adds windows in the
tower, and boxes in pixels of the resized image; Qwen3-VL, dense and with experts, larger patches,
and the second before each step of a video.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

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
from vlft.models.chat import ChatTemplate
from vlft.models.dynamic_resolution import DynamicResolution

if TYPE_CHECKING:
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
_THINKING_TOKENS = ("<tool_response>", "</tool_response>", "<think>", "</think>")


def is_qwen_vl(config: Config) -> bool:
    """Whether a config.json is of the first generation; Qwen's language models share its class."""
    names = config.get("architectures")
    first = names[0] if isinstance(names, list) and names else None
    return first == "QWenLMHeadModel" and isinstance(config.get("visual"), dict)


QWEN_VL_CODE = RemoteCode(
    "qwen_vl",
    is_qwen_vl,
    (
        CodePatch("buffers", since=(5, 0)),
        CodePatch("heads", since=(5, 0)),
        CodePatch("caches", since=(4, 50)),
        CodePatch("bnb-tower", bnb=True),
    ),
)


def _decoder(config: Config, *, qk_norm: bool = False) -> TextShape:
    text = part_of(config, "text_config") if config.get("text_config") else config
    return read_decoder(text, tied=is_tied(config, text), qkv_bias=not qk_norm, qk_norm=qk_norm)


def _tower(vision: Config, output: int, widths: tuple[int, int], *, patch: int = 14) -> VisionShape:
    """The tower, as far as the generations are alike.

    Args:
        vision: The tower's part of config.json.
        output: Width of the text.
        widths: Of its stream and of its MLP.
        patch: Side of a patch in pixels, where that part does not say.
    """
    channels = vision.get("in_channels", vision.get("in_chans", 3))
    frames, side = vision.get("temporal_patch_size", 2), vision.get("patch_size", patch)
    return VisionShape(
        hidden=widths[0],
        intermediate=widths[1],
        depth=vision["depth"],
        heads=vision["num_heads"],
        output=output,
        patch_inputs=channels * frames * side**2,
        patch_bias=False,
        merge=vision.get("spatial_merge_size", 2) ** 2,
    )


def _qwen2_vl(config: Config) -> ModelShape:
    decoder, vision = _decoder(config), part_of(config, "vision_config")
    width = vision["embed_dim"]
    tower = _tower(vision, decoder.hidden, (width, int(width * vision.get("mlp_ratio", 4))))
    return ModelShape(decoder, replace(tower, mlp="quick_gelu"))


def _qwen2_5_vl(config: Config) -> ModelShape:
    decoder, vision = _decoder(config), part_of(config, "vision_config")
    tower = replace(
        _tower(vision, decoder.hidden, (vision["hidden_size"], vision["intermediate_size"])),
        norm="rms_norm",
        mlp="gated",
        windowed=True,
        full_attention=tuple(vision.get("fullatt_block_indexes", ())),
    )
    return ModelShape(decoder, tower)


def _qwen3_vl(config: Config) -> ModelShape:
    decoder, vision = _decoder(config, qk_norm=True), part_of(config, "vision_config")
    widths = vision["hidden_size"], vision["intermediate_size"]
    tower = replace(
        _tower(vision, decoder.hidden, widths, patch=16),
        patch_bias=True,
        positions=vision.get("num_position_embeddings", 2304),
        deepstack=tuple(sorted(vision.get("deepstack_visual_indexes", ()))),
        input_hook=False,
    )
    return ModelShape(decoder, tower)


def _tiny(
    size: TinySize, name: str, folder: str, text: dict[str, Any], vision: dict[str, Any]
) -> TinyModel:
    """A tiny model; `name` is what the names of its classes begin with."""
    from vlft.models.tiny import HfClass, TinyModel

    patches = {"patch_size": 14, "merge_size": 2}
    tower = {
        "depth": size.vision_layers,
        "num_heads": size.vision_heads,
        "initializer_range": size.init_std,
    }
    options = {"text_config": text, "vision_config": tower | vision, "tie_word_embeddings": True}
    return TinyModel(
        folder=folder,
        config=HfClass(f"{name}Config", options),
        processor=HfClass(f"{name}Processor"),
        image_processor=HfClass("Qwen2VLImageProcessor", patches),
        video_processor=HfClass("Qwen2VLVideoProcessor", patches),
        image_tag="<|vision_start|><|image_pad|><|vision_end|>",
        video_tag="<|vision_start|><|video_pad|><|vision_end|>",
    )


def _tiny_qwen2_vl(size: TinySize) -> TinyModel:
    from vlft.models.tiny import tiny_text_config

    vision = {"embed_dim": size.vision_hidden, "hidden_size": size.hidden, "mlp_ratio": 2}
    return _tiny(size, "Qwen2VL", "Qwen2-VL-2B-Instruct", tiny_text_config(size), vision)


def _tiny_qwen2_5_vl(size: TinySize) -> TinyModel:
    from vlft.models.tiny import tiny_text_config

    vision = {
        "hidden_size": size.vision_hidden,
        "intermediate_size": 2 * size.vision_hidden,
        "out_hidden_size": size.hidden,
        "fullatt_block_indexes": [size.vision_layers - 1],
    }
    return _tiny(size, "Qwen2_5_VL", "Qwen2.5-VL-3B-Instruct", tiny_text_config(size), vision)


def _tiny_qwen3_vl(size: TinySize) -> TinyModel:
    from vlft.models.tiny import QWEN2_TOKENS, HfClass, tiny_text_config

    patches = {"patch_size": 16, "merge_size": 2}
    text = tiny_text_config(size) | {"head_dim": size.head}
    text["rope_parameters"]["mrope_interleaved"] = True
    vision = {
        "hidden_size": size.vision_hidden,
        "intermediate_size": 2 * size.vision_hidden,
        "out_hidden_size": size.hidden,
        "deepstack_visual_indexes": [0],
        "num_position_embeddings": 64,
    }
    return replace(
        _tiny(size, "Qwen3VL", "Qwen3-VL-2B-Instruct", text, vision),
        image_processor=HfClass("Qwen2VLImageProcessor", patches),
        video_processor=HfClass("Qwen3VLVideoProcessor", patches),
        special_tokens=(*QWEN2_TOKENS, *_THINKING_TOKENS),
    )


QWEN2_VL = Family(
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
    architecture=_qwen2_vl,
    liger=LigerKernels(
        text=frozenset({"rms_norm", "gate", "rope", "loss"}), vision=frozenset({"layer_norm"})
    ),
    awq=True,
    tiny=_tiny_qwen2_vl,
)

QWEN2_5_VL = replace(
    QWEN2_VL,
    title="Qwen2.5-VL",
    hf_model_type="qwen2_5_vl",
    swift_model_type="qwen2_5_vl",
    template="qwen2_5_vl",
    templates=(replace(QWEN2_VL.templates[0], name="qwen2_5_vl", box_scale="resized"),),
    architecture=_qwen2_5_vl,
    liger=LigerKernels(
        text=frozenset({"rms_norm", "gate", "rope", "loss"}), vision=frozenset({"rms_norm"})
    ),
    tiny=_tiny_qwen2_5_vl,
)

QWEN3_VL = replace(
    QWEN2_VL,
    title="Qwen3-VL",
    hf_model_type="qwen3_vl",
    swift_model_type="qwen3_vl",
    template="qwen3_vl",
    vision=DynamicResolution(
        16, hf_min_pixels=64 * 32**2, hf_max_pixels=16_384 * 32**2, stamps=True
    ),
    templates=(replace(QWEN2_VL.templates[0], name="qwen3_vl", default_system=None),),
    architecture=_qwen3_vl,
    liger=LigerKernels(
        text=frozenset({"rms_norm", "rope", "loss"}),
        vision=frozenset({"rope"}),
        keeps_few_logits=True,
    ),
    awq=False,
    tiny=_tiny_qwen3_vl,
)

QWEN3_VL_MOE = replace(
    QWEN3_VL,
    title="Qwen3-VL-MoE",
    hf_model_type="qwen3_vl_moe",
    swift_model_type="qwen3_vl_moe",
    tiny=None,
)
