"""Weights quantized by bitsandbytes, in places that take a weight for its type."""

from __future__ import annotations

from types import MethodType, SimpleNamespace
from typing import Any

from .own_code_classes import is_own_code, tell

# ms-swift takes every InternVL's output layer for InternLM2's, on weights of bitsandbytes.
#
# swift/model/models/internlm.py sets `model.language_model.output.state.force_no_igemmlt`. Other
# language models call their output layer `lm_head`, and one that is not quantised has no `state`.


def patch_head(model: Any) -> None:
    """Gives a quantised model's language model what that line sets."""
    language_model = getattr(model, "language_model", None)
    if language_model is None or not getattr(model, "is_quantized", False):
        return
    output = getattr(language_model, "output", None)
    if hasattr(output, "state"):
        return
    if output is None:
        language_model.output = SimpleNamespace(state=SimpleNamespace())
    else:
        output.state = SimpleNamespace()
    tell(f"{type(language_model).__name__} has no output.state, which ms-swift sets: an empty one")


# Towers that ask a weight for the type of their input, on weights that bitsandbytes packed.
#
# Qwen-VL's asks its first linear layer, which is int8 then. ms-swift mends that while it quantises
# (swift/model/models/qwen.py: QwenVLLoader), not when it loads what it has quantised.

_CAST_DTYPE = "get_cast_dtype"


def patch_tower(model: Any) -> None:
    """Makes every such part answer with the type of its weights that are numbers."""
    if not getattr(model, "is_quantized", False):
        return
    for part in model.modules():
        if is_own_code(type(part)) and hasattr(part, _CAST_DTYPE):
            _patch_part(part)


def _patch_part(part: Any) -> None:
    types = [one.dtype for one in part.parameters() if one.is_floating_point()]
    if types and not part.get_cast_dtype().is_floating_point:
        part.get_cast_dtype = MethodType(lambda _: types[0], part)
        tell(f"{type(part).__name__} takes packed weights for the type of its input: {types[0]}")
