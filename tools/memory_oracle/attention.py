# ruff: noqa: TID253  # run by the trainer's interpreter alone
"""Attention kernels by the memory they take: outputs and what they keep for the backward.

Workspaces that a kernel allocates and frees inside itself (flash attention's float32 dQ, the
expanded dK and dV of grouped queries) are not counted; docs/memory.md says how large they are.
"""

from __future__ import annotations

from typing import Any

import torch

FLASH = "flash_emulated"
"""Contains "flash", which is how transformers tells that no mask has to be built."""
SDPA = "sdpa_emulated"


class _Fused(torch.autograd.Function):
    """softmax(QKᵀ)V in one kernel: keeps Q, K, V, the output and a float32 a head and token."""

    @staticmethod
    def forward(ctx: Any, query: Any, key: Any, value: Any, bias: Any) -> Any:
        """Rows × tokens × heads × head_dim in and out."""
        output = torch.empty_like(query, memory_format=torch.contiguous_format)
        rows, tokens, heads, _ = query.shape
        sums = torch.empty(rows, heads, tokens, dtype=torch.float32, device=query.device)
        ctx.save_for_backward(query, key, value, bias, output, sums)
        return output

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        """A gradient each for Q, K, V."""
        del gradients
        query, key, value = ctx.saved_tensors[:3]
        return torch.empty_like(query), torch.empty_like(key), torch.empty_like(value), None


def flash(module: Any, query: Any, key: Any, value: Any, attention_mask: Any, **kwargs: Any) -> Any:
    """The flash_attention_2 of transformers."""
    del module, attention_mask, kwargs
    return _Fused.apply(*(x.transpose(1, 2) for x in (query, key, value)), None), None


def sdpa(module: Any, query: Any, key: Any, value: Any, attention_mask: Any, **kwargs: Any) -> Any:
    """The sdpa of transformers on CUDA: the flash kernel without a mask, else the efficient one.

    With a mask, transformers repeats K and V for every query head, and torch turns the mask of
    booleans into one of the query's type.
    """
    del kwargs
    bias = None
    if attention_mask is not None:
        groups = getattr(module, "num_key_value_groups", 1)
        if groups > 1:
            key, value = (_repeat(x, groups) for x in (key, value))
        bias = torch.empty(attention_mask.shape, dtype=query.dtype, device=query.device)
    output = _Fused.apply(*(x.transpose(1, 2) for x in (query, key, value)), bias)
    return output, None


def _repeat(states: Any, groups: int) -> Any:
    rows, heads, tokens, width = states.shape
    expanded = states[:, :, None].expand(rows, heads, groups, tokens, width)
    return expanded.reshape(rows, heads * groups, tokens, width)


def expect_full_mask(*, full: bool) -> None:
    """Whether a mask of text is one of ones, which transformers drops.

    It asks the values for that, unless it takes the tensors for those of a traced graph; for
    fake tensors it does, and builds a mask.
    """
    from transformers import masking_utils
    from transformers.utils.import_utils import is_tracing

    masking_utils.is_tracing = (lambda *_: False) if full else is_tracing


def register() -> None:
    """Make both known to transformers."""
    from transformers.masking_utils import (
        ALL_MASK_ATTENTION_FUNCTIONS,
        flash_attention_mask,
        sdpa_mask,
    )
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    ALL_ATTENTION_FUNCTIONS.register(FLASH, flash)
    ALL_MASK_ATTENTION_FUNCTIONS.register(FLASH, flash_attention_mask)
    ALL_ATTENTION_FUNCTIONS.register(SDPA, sdpa)
    ALL_MASK_ATTENTION_FUNCTIONS.register(SDPA, sdpa_mask)
