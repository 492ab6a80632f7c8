"""Qwen2-VL, Qwen2.5-VL, Qwen3-VL: images of any size, limited in pixels."""

from __future__ import annotations

from dataclasses import replace

from vlft.models.base import Family
from vlft.models.chat import ChatTemplate
from vlft.models.qwen_vision import QwenVision

# Read by ms-swift's Qwen templates through qwen_vl_utils (template/templates/qwen.py).
_VARIABLES = {
    "min": "MIN_PIXELS",
    "max": "MAX_PIXELS",
    "video.min": "VIDEO_MIN_PIXELS",
    "video.max": "VIDEO_MAX_PIXELS",
    "video.fps": "FPS",
    "video.min_frames": "FPS_MIN_FRAMES",
    "video.max_frames": "FPS_MAX_FRAMES",
}
_CHAT = ChatTemplate(
    name="qwen2_vl",
    default_system="You are a helpful assistant.",
    auto_bos=False,
    stop_words=("<|im_end|>", "<|endoftext|>"),
    agent="hermes",
)
_CHATS = {
    "qwen2_vl": _CHAT,
    "qwen2_5_vl": replace(_CHAT, name="qwen2_5_vl", box_scale="resized"),
    "qwen3_vl": replace(_CHAT, name="qwen3_vl", default_system=None),
}
_HINT = "Qwen-VL has no tiles: write `pixels.max`, a number of pixels such as 1024*28*28"


def _family(title: str, model_type: str, template: str, vision: QwenVision) -> Family:
    chats = (_CHATS[template],)
    return Family(title, model_type, model_type, template, _VARIABLES, _HINT, vision, chats)


# The limits of transformers' processor are those in the published checkpoints.
_OF_14 = QwenVision(14, hf_min_pixels=4 * 28**2, hf_max_pixels=16_384 * 28**2)
_OF_16 = QwenVision(16, hf_min_pixels=64 * 32**2, hf_max_pixels=16_384 * 32**2, stamps=True)

QWEN2_VL = _family("Qwen2-VL", "qwen2_vl", "qwen2_vl", _OF_14)
QWEN2_5_VL = _family("Qwen2.5-VL", "qwen2_5_vl", "qwen2_5_vl", _OF_14)
QWEN3_VL = _family("Qwen3-VL", "qwen3_vl", "qwen3_vl", _OF_16)
QWEN3_VL_MOE = _family("Qwen3-VL-MoE", "qwen3_vl_moe", "qwen3_vl", _OF_16)
