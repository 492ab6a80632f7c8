"""Towers that ask a weight for the type of their input, on weights that bitsandbytes packed.

Qwen-VL's asks its first linear layer, which is int8 then. ms-swift mends that while it quantises
(swift/model/models/qwen.py: QwenVLLoader), not when it loads what it has quantised.
"""

from __future__ import annotations

from types import MethodType
from typing import Any

from .own_code_classes import is_own_code, tell

_NAME = "get_cast_dtype"


def mend(model: Any) -> None:
    """Makes every such part answer with the type of its weights that are numbers."""
    if not getattr(model, "is_quantized", False):
        return
    for part in model.modules():
        if is_own_code(type(part)) and hasattr(part, _NAME):
            _mend_part(part)


def _mend_part(part: Any) -> None:
    types = [one.dtype for one in part.parameters() if one.is_floating_point()]
    if types and not part.get_cast_dtype().is_floating_point:
        part.get_cast_dtype = MethodType(lambda _: types[0], part)
        tell(f"{type(part).__name__} takes packed weights for the type of its input: {types[0]}")
