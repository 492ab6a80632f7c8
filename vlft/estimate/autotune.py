"""Settings that fit the machine, the fastest first, all with the same global batch."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from vlft.estimate.memory.estimate import Memory, estimate
from vlft.estimate.memory.from_config import RowSize, with_rows
from vlft.resolve.batch import divisors

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from vlft.estimate.memory.step_spec import RunShape, Sharding
    from vlft.estimate.report import Outlook
    from vlft.models.architecture import ModelShape

# Relative time, from the operations that a step takes: forward 1, backward 2, and a
# forward again where activations are recomputed; ZeRO-3 moves the weights twice more
# (https://arxiv.org/abs/1910.02054, section 7: 1.5 times the communication), an offload moves
# gradients and weights over PCIe.
_RECOMPUTED = 4 / 3
_SHARDED: dict[Sharding, float] = {"none": 1.0, "zero2": 1.02, "zero3": 1.15}
_OFFLOADED = 1.6
_SATURATED = 4096
"""Tokens of a forward pass from which a GPU computes at its full speed."""

_SMALLEST_PICTURE = 256
"""Placeholders below which a picture is not shrunk any further."""


class Choice(Struct, frozen=True):
    """Settings that fit.

    Attributes:
        settings: Key → value, as for `--set`.
        memory: Of one GPU.
        speed: Rows a second against the fastest of all choices, fitting or not.
    """

    settings: Mapping[str, str]
    memory: Memory
    speed: float


def fitting(
    outlook: Outlook, *, has_deepspeed: bool, offload: bool = True, count: int = 5
) -> list[Choice]:
    """The best settings that fit; empty if none does, or the memory can't be told.

    Varies the per-device batch and with it the accumulation, what is recomputed, ZeRO's
    stage and offload, and only where nothing fits at the wanted size of pictures that too.

    Args:
        outlook: With memory and a GPU.
        has_deepspeed: Whether the trainer has DeepSpeed.
        offload: Whether main memory may be used: it is slow, and not counted here.
        count: How many at most.
    """
    model, run, row, spec = outlook.model, outlook.run, outlook.row, outlook.ready.run
    batch, gpu = outlook.ready.plan.batch, spec.gpu_bytes
    total, world = batch.global_size, batch.world_size
    if model is None or run is None or gpu is None or row is None or not total or not world:
        return []
    replicas = world // batch.sequence_parallel_size
    if total % replicas:
        return []
    sharded = _shardings(run, has_deepspeed=has_deepspeed, offload=offload)
    side = spec.model.vision.side if spec.model.vision is not None else None
    for vision in _pictures(row) if side else (row.vision,):
        smaller = RowSize(row.text + vision, vision, row.measured)
        found = list(_choices(model, run, smaller, total // replicas, sharded))
        fits = [choice for choice in found if choice.memory.middle <= gpu]
        if fits:
            best = max(choice.speed for choice in found)
            shown = [replace(choice, speed=choice.speed / best) for choice in fits]
            shrunk = {} if vision == row.vision else {"pixels.max": f"{vision}*{side}*{side}"}
            ranked = sorted(shown, key=lambda one: (-one.speed, one.memory.middle))
            return [replace(one, settings={**one.settings, **shrunk}) for one in ranked[:count]]
    return []


def _pictures(row: RowSize) -> Iterator[int]:
    vision = row.vision
    yield vision
    while vision // 2 >= _SMALLEST_PICTURE:
        vision //= 2
        yield vision


def _shardings(run: RunShape, *, has_deepspeed: bool, offload: bool) -> list[tuple[Sharding, bool]]:
    """Ways to share the states out, and whether main memory takes a part of them."""
    alone: list[tuple[Sharding, bool]] = [("none", False)]
    if not has_deepspeed or run.quant_bits is not None:
        return alone
    shared: list[tuple[Sharding, bool]] = [("zero2", False), ("zero3", False)]
    return alone + shared + ([("zero2", True), ("zero3", True)] if offload else [])


def _choices(
    model: ModelShape,
    run: RunShape,
    row: RowSize,
    rows: int,
    sharded: list[tuple[Sharding, bool]],
) -> Iterator[Choice]:
    """All settings for so many rows a process and step."""
    for per_device, checkpointing, (sharding, offload) in itertools.product(
        divisors(rows), (True, False), sharded
    ):
        shape = replace(
            with_rows(run, row, per_device, model),
            gradient_checkpointing=checkpointing,
            vit_gradient_checkpointing=checkpointing,
            accumulating=rows > per_device,
            sharding=sharding,
            offload_optimizer=offload,
            offload_parameters=offload and sharding == "zero3",
        )
        preset = sharding + ("_offload" if offload else "")
        settings = {
            "train.per_device_train_batch_size": str(per_device),
            "train.gradient_accumulation_steps": str(rows // per_device),
            "train.gradient_checkpointing": "true" if checkpointing else "false",
            "deepspeed": "null" if sharding == "none" else preset,
        }
        tokens = per_device * row.tokens
        speed = min(1.0, 0.5 + 0.5 * tokens / _SATURATED) / _SHARDED[sharding]
        speed /= (_RECOMPUTED if checkpointing else 1) * (_OFFLOADED if offload else 1)
        yield Choice(settings, estimate(model, shape), speed)
