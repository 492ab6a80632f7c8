"""The GPUs that a run is judged for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vlft.facts.accelerators import Capability
    from vlft.rules.base import Context


def gpu_before(context: Context, needed: Capability) -> str | None:
    """Name of a GPU of the run that is known to be older than what computes something."""
    hardware = context.facts.hardware
    if context.world.cpu or hardware is None:
        return None
    return next((gpu.name for gpu in hardware.gpus if gpu.lacks(needed)), None)


def smallest_gpu(context: Context) -> int | None:
    """Bytes of the smallest GPU, where each process has one; None if that is not known."""
    hardware, world = context.facts.hardware, context.world
    if hardware is None or world.cpu or world.gpus_per_node != world.nproc_per_node:
        return None
    return min((gpu.memory_bytes for gpu in hardware.gpus if gpu.memory_bytes), default=None)
