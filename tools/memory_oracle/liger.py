# ruff: noqa: TID253  # run by the trainer's interpreter alone
"""Liger's kernels on fake tensors: what they allocate, without what they compute.

Liger allocates in Python and hands the tensors to Triton. Tensors without values need no kernel,
so a launch does nothing here; and the loss's gradient, which Liger compares with one, is one.
A GPU adds the head's gradient up in place, where Liger makes a product first for CPU tensors:
that product is left out.
"""

from __future__ import annotations

from typing import Any

import torch


def apply(model: Any) -> None:
    """As `--use_liger_kernel` changes a transformers model (transformers/integrations/liger.py)."""
    from liger_kernel.ops import fused_linear_cross_entropy
    from transformers.integrations.liger import apply_liger_kernel
    from triton.runtime.jit import KernelInterface

    KernelInterface.__getitem__ = _launcher
    torch.equal = _one
    fused_linear_cross_entropy.torch = _InPlace()
    apply_liger_kernel(model, None)


def _launcher(*_: Any) -> Any:
    return lambda *_arguments, **_options: None


def _one(*_: Any) -> bool:
    return True


class _InPlace:
    """torch, but for the product that is added to the head's gradient."""

    def __getattr__(self, name: str) -> Any:
        return getattr(torch, name)

    @staticmethod
    def mm(*_: Any) -> Any:
        """Nothing to add."""
        return torch.zeros(())
