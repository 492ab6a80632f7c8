"""From allocated bytes to what a GPU has to have.

ms-swift's own `memory(GiB)` is max_memory_reserved; nvidia-smi shows that and what lies outside
torch's allocator. Both depend on the order of allocations over a whole run, on the card and on
versions, so this is a range, and no card has calibrated it yet:

* low: blocks are cut from segments of 2 and 20 MiB, and a CUDA context is small;
* high: a quarter of what comes and goes is lost between blocks, kernels have workspaces that
  are not counted as tensors, a context is large, and NCCL has its buffers. ZeRO-3 gathers
  parameters of all sizes at every layer, for which ms-swift's four published runs show 1.32 to
  1.39 times the allocated estimate: there the high end is 1.45 times it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vlft.plan.memory.run import RunShape
    from vlft.plan.memory.shape import ModelShape

_MIB = 1024**2
_CONTEXT = (300 * _MIB, 700 * _MIB)
"""A CUDA context with its kernels: from an RTX 3090 to an H100."""
_NCCL = (0, 1024 * _MIB)
_BLOCKS = 1.01
_LOST = 0.25
_GATHERED = 1.45


def reserved_range(peak: int, fixed: int, model: ModelShape, run: RunShape) -> tuple[int, int]:
    """Low and high end of what the process holds, in bytes.

    Args:
        peak: Allocated, at most.
        fixed: What of it stays between steps.
        model: The model.
        run: The step.
    """
    several = run.world_size > 1
    low = int(peak * _BLOCKS) + _CONTEXT[0] + several * _NCCL[0]
    high = peak + int(_LOST * (peak - fixed)) + _workspace(model, run)
    if run.sharding == "zero3":
        high = max(high, int(peak * _GATHERED))
    return low, max(low, high + _CONTEXT[1] + several * _NCCL[1])


def _workspace(model: ModelShape, run: RunShape) -> int:
    """Flash attention's float32 dQ and expanded dK, dV; masked_scatter's positions."""
    text = model.text
    tokens = run.rows * run.tokens // run.sequence_parallel
    attention = 8 * tokens * text.heads * text.head_dim
    scatter = 8 * tokens * text.hidden if run.pictures else 0
    return max(attention, scatter)
