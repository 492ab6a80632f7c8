"""What a backward gets and gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from vlft.plan.memory.tensors import Storage, Tensor

Kept: TypeAlias = "tuple[Storage | None, ...]"
"""Storages that were kept for it."""

Grads: TypeAlias = "tuple[Tensor | None, ...]"
"""A gradient for each input, None for one that wants none."""
