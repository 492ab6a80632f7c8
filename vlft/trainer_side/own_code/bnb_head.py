"""ms-swift takes every InternVL's output layer for InternLM2's, on weights of bitsandbytes.

swift/model/models/internlm.py sets `model.language_model.output.state.force_no_igemmlt`. Other
language models call their output layer `lm_head`, and one that is not quantised has no `state`.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from .own_code_classes import tell


def mend(model: Any) -> None:
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
