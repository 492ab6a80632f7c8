# ruff: noqa: TID253  # run by the trainer's interpreter alone
"""Inputs of the vision tower: tensors that Qwen's towers derive from the values of the grid."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Sequence


class _Lengths:
    """Stands for cumulative lengths where attention is computed piece by piece."""

    def __init__(self, lengths: Sequence[int]) -> None:
        self._lengths = list(lengths)

    def __getitem__(self, _: Any) -> _Lengths:
        return self

    def __sub__(self, _: Any) -> _Lengths:
        return self

    def tolist(self) -> list[int]:
        return self._lengths


def fixed_grid(model: Any, grid: tuple[int, int], rows: int) -> None:
    """Give one image of `grid` patches (height, width) to each row of a Qwen model.

    What transformers.vision_utils computes from the grid on the CPU comes as empty tensors of
    the same sizes.
    """
    height, width = grid
    patches = height * width * rows
    module = sys.modules[type(model).__module__]
    windows = _windows(height, width) * rows
    replaced = {
        "get_vision_position_ids": lambda *_, **__: _long(patches, 2),
        "get_vision_attention_seqlens": lambda *_, **__: (_Lengths([height * width] * rows), 0),
        "get_vision_window_index": lambda *_, **__: (_long(patches // 4), _Lengths(windows)),
        "get_max_seqlen": lambda *_, **__: 0,
        "get_vision_interpolation_indices_and_weights": lambda *_, **__: (
            _long(patches, 4),
            torch.empty(patches, 4),
        ),
    }
    for name, function in replaced.items():
        if hasattr(module, name):
            setattr(module, name, function)

    def image_features(pixel_values: Any, image_grid_thw: Any = None, **_: Any) -> Any:
        tower = model.model.visual
        output = tower(pixel_values.type(tower.dtype), grid_thw=image_grid_thw)
        sizes = [height * width // 4] * rows
        output.pooler_output = torch.split(output.pooler_output, sizes)
        if getattr(output, "deepstack_features", None) is not None:
            output.deepstack_features = [torch.split(f, sizes) for f in output.deepstack_features]
        return output

    model.model.get_image_features = image_features


def _long(*shape: int) -> Any:
    return torch.empty(*shape, dtype=torch.long)


def _windows(height: int, width: int) -> list[int]:
    """Patches of each 8 × 8 window of Qwen2.5-VL (112 pixels), the last ones cut off."""
    sides = [[min(8, side - start) for start in range(0, side, 8)] for side in (height, width)]
    return [rows * columns for rows in sides[0] for columns in sides[1]]
