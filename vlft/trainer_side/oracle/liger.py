# ruff: noqa: TID253  # run by the trainer's interpreter alone
"""Liger's kernels on fake tensors: what they allocate, without what they compute.

Liger allocates in Python and hands the tensors to Triton. Tensors without values need no kernel,
so a launch does nothing here; and the loss's gradient, which Liger compares with one, is one.
On CPU tensors its fused loss takes a matrix product that a GPU writes in place: a difference of
one chunk of logits at most.
"""

from __future__ import annotations

from typing import Any

import torch


def apply(model: Any) -> None:
    """As `--use_liger_kernel` changes a transformers model (transformers/integrations/liger.py)."""
    from transformers.integrations.liger import apply_liger_kernel
    from triton.runtime.jit import KernelInterface

    KernelInterface.__getitem__ = _launcher
    torch.equal = _one
    apply_liger_kernel(model, None)


def _launcher(*_: Any) -> Any:
    return lambda *_arguments, **_options: None


def _one(*_: Any) -> bool:
    return True
