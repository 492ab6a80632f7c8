"""What liger-kernel replaces in a family."""

from __future__ import annotations

from typing import Literal, NamedTuple

Fused = Literal["rms_norm", "layer_norm", "gate", "rope", "loss"]
"""Operators that Liger has kernels for."""


class LigerKernels(NamedTuple):
    """What `use_liger_kernel` replaces, by liger-kernel 0.8.

    Attributes:
        text: Operators of the language model.
        vision: Operators of the tower's blocks; what merges patches keeps its own.
        keeps_few_logits: Whether its forward has the argument logits_to_keep, which ms-swift
            looks for.
    """

    text: frozenset[Fused] = frozenset()
    vision: frozenset[Fused] = frozenset()
    keeps_few_logits: bool = False
