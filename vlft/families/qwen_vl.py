"""Qwen2-VL, Qwen2.5-VL, Qwen3-VL: images of any size, limited in pixels."""

from vlft.families.base import Family

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
_HINT = "Qwen-VL has no tiles: write `pixels.max`, a number of pixels such as 1024*28*28"


def _family(title: str, model_type: str, template: str) -> Family:
    return Family(title, model_type, model_type, template, _VARIABLES, _HINT)


QWEN2_VL = _family("Qwen2-VL", "qwen2_vl", "qwen2_vl")
QWEN2_5_VL = _family("Qwen2.5-VL", "qwen2_5_vl", "qwen2_5_vl")
QWEN3_VL = _family("Qwen3-VL", "qwen3_vl", "qwen3_vl")
QWEN3_VL_MOE = _family("Qwen3-VL-MoE", "qwen3_vl_moe", "qwen3_vl")
