"""A model in the form that transformers 5 writes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from examples.checkpoint_folders import QWEN2_VL


def lay_out_newer(folder: Path, make_model: Callable[..., Path]) -> None:
    """Writes the model's folder."""
    rope = {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [16, 24, 24]}
    make_model(
        folder / "of-five" / "Qwen2-VL-2B-Instruct",
        QWEN2_VL | {"text_config": {"hidden_size": 64, "rope_parameters": rope}},
    )
