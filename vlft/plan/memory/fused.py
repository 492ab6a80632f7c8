"""Which operators Liger's kernels stand for, by model.

liger_kernel/transformers/monkey_patch.py (0.8): apply_liger_kernel_to_qwen2_vl, _qwen2_5_vl,
_qwen3_vl and _internvl. There are none for internvl_chat.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from vlft.plan.memory.shape import VisionShape

Fused = Literal["rms_norm", "layer_norm", "gate", "rope", "loss"]

NONE: frozenset[Fused] = frozenset()

_TEXT: dict[str, frozenset[Fused]] = {
    "qwen2_vl": frozenset({"rms_norm", "gate", "rope", "loss"}),
    "qwen2_5_vl": frozenset({"rms_norm", "gate", "rope", "loss"}),
    "qwen3_vl": frozenset({"rms_norm", "rope", "loss"}),
    "internvl": frozenset({"rms_norm", "gate", "rope", "loss"}),
}
# Of the blocks alone: what merges patches keeps its own operators.
_VISION: dict[str, frozenset[Fused]] = {
    "qwen2_vl": frozenset({"layer_norm"}),
    "qwen2_5_vl": frozenset({"rms_norm"}),
    "qwen3_vl": frozenset({"rope"}),
    "internvl": frozenset({"rms_norm", "layer_norm"}),
}


def fused_text(vision: VisionShape) -> frozenset[Fused]:
    """In the language model beside such a tower."""
    return _TEXT.get(vision.tower, NONE)


def fused_vision(vision: VisionShape) -> frozenset[Fused]:
    """In the tower."""
    return _VISION.get(vision.tower, NONE)
