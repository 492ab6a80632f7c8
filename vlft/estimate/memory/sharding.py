"""What DeepSpeed and FSDP2 leave of the model states on each GPU.

The sizes are those that DeepSpeed 0.19, and FSDP2 as accelerate 1.15 prepares it, allocate under
ms-swift's presets (swift/config/*.json with transformers' values for "auto");
tests/real_swift/test_memory_oracle.py compares them with two real processes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vlft.estimate.memory.states import States, plain_states

if TYPE_CHECKING:
    from vlft.estimate.memory.parameters import Counts
    from vlft.estimate.memory.states import Plain
    from vlft.estimate.memory.step_spec import RunShape

REDUCE_BUCKET = 200_000_000
"""Elements of stage 1 and 2's reduce and allgather buckets in ms-swift's presets."""
MAX_LIVE = 1_000_000_000
"""Elements of stage 3's gathered parameters (stage3_max_live_parameters)."""
SUB_GROUP = 1_000_000_000
"""Elements that stage 3's optimizer steps at once (sub_group_size)."""

_MOMENTS = {"adamw": 8, "adamw_8bit": 2, "sgd": 0}
"""Bytes of an optimizer's state for a weight that is trained in float32."""


def states_of(counts: Counts, run: RunShape) -> States:
    """Model states of one GPU of a run."""
    plain = plain_states(counts, run)
    if run.sharding == "none":
        return _whole(plain, run)
    if run.sharding == "fsdp2":
        return fsdp2_states(plain, run)
    return _offloaded(zero_states(plain, run), run)


def _whole(plain: Plain, run: RunShape) -> States:
    """One GPU, or DDP, whose buckets hold the gradients a second time."""
    several = run.world_size > 1
    return States(
        parameters=plain.parameters,
        trainable=plain.trainable,
        weights=plain.weights,
        adapters=plain.adapters,
        gradients=plain.gradients if run.accumulating else 0,
        optimizer=plain.moments,
        buffers=plain.gradients if several else 0,
        step_workspace=0,
        keeps_gradients=not run.accumulating,
    )


def zero_states(plain: Plain, run: RunShape) -> States:
    """DeepSpeed with bf16: float32 masters and moments, a share of each a GPU."""
    stage, world = int(run.sharding[-1]), run.world_size
    share = plain.trainable // (world if stage else 1)
    gathers = stage == 3  # noqa: PLR2004
    weights = plain.weights // world if gathers else plain.weights
    live = min(2 * MAX_LIVE, plain.weights) if gathers else 0
    bucket = plain.hidden**2 if gathers else min(REDUCE_BUCKET, plain.trainable)
    full_gradients = stage == 0 or (stage == 1 and run.accumulating)
    return States(
        parameters=plain.parameters,
        trainable=plain.trainable,
        weights=weights,
        adapters=plain.adapters // world if gathers else plain.adapters,
        gradients=2 * (plain.trainable if full_gradients else share),
        optimizer=(4 + _MOMENTS[run.optimizer]) * share,
        buffers=live + 2 * bucket,
        step_workspace=4 * min(share, SUB_GROUP) - live,
        keeps_gradients=False,
    )


def _offloaded(states: States, run: RunShape) -> States:
    """Optimizer states, and with ZeRO-3 parameters, in main memory."""
    if run.offload_optimizer:
        states = replace(states, optimizer=0, gradients=0, step_workspace=0)
    if run.offload_parameters:
        states = replace(states, weights=0, adapters=0)
    return states


def fsdp2_states(plain: Plain, run: RunShape) -> States:
    """Everything in shares; two layers gathered at once, and a layer's gradients unsharded.

    Under mixed precision accelerate makes what is trained float32 (utils/fsdp_utils.py:
    fsdp2_prepare_model), so its gradients and moments are float32 too.
    """
    world = run.world_size
    layer = plain.layer_bytes
    table = plain.table_bytes
    raised = 0 if run.lora else 2 * plain.trainable
    return States(
        parameters=plain.parameters,
        trainable=plain.trainable,
        weights=(plain.weights + raised) // world,
        adapters=4 * plain.trainable // world if run.lora else 0,
        gradients=4 * plain.trainable // world,
        optimizer=_MOMENTS[run.optimizer] * plain.trainable // world,
        buffers=2 * layer + 2 * table,
        step_workspace=-(2 * layer + 2 * table),
        keeps_gradients=False,
    )
