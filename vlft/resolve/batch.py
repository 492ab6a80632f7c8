"""Batch arithmetic, in integers.

    global = per_device × accumulation × world_size ÷ sequence_parallel_size

Any of the three may be given and the others follow; a remainder is an error, never a
rounding.
"""

from __future__ import annotations

import math
from typing import Literal

from msgspec import Struct

SWIFT_TARGET_BATCH = 16
"""Rows that ms-swift aims at when no accumulation is given (trainers/arguments.py)."""


class Batch(Struct, frozen=True):
    """Rows per optimizer step and how they come about.

    Attributes:
        global_size: Rows per optimizer step; None while the world size is unknown.
        per_device: Rows a process takes at once.
        gradient_accumulation_steps: Forward passes per optimizer step; None while the
            world size is unknown and it depends on that.
        world_size: Processes on all nodes; None while unknown.
        sequence_parallel_size: Processes that share one row.
    """

    global_size: int | None
    per_device: int
    gradient_accumulation_steps: int | None
    world_size: int | None
    sequence_parallel_size: int = 1

    @property
    def formula(self) -> str | None:
        """`2 × 3 × 3`: per device × accumulation × processes; None while one is unknown."""
        if self.gradient_accumulation_steps is None or self.world_size is None:
            return None
        product = f"{self.per_device} × {self.gradient_accumulation_steps} × {self.world_size}"
        group = self.sequence_parallel_size
        return product if group == 1 else f"{product} ÷ {group}"


class Mismatch(Struct, frozen=True):
    """Numbers that do not go together.

    Attributes:
        message: Which numbers, and what is left over.
        hint: The nearest that work.
        key: The number that the message begins with, or is about.
    """

    message: str
    hint: str
    key: Literal["global_batch_size", "sequence_parallel_size"] = "global_batch_size"


def solve(
    *,
    global_size: int | None,
    per_device: int | None,
    accumulation: int | None,
    world_size: int | None,
    sequence_parallel_size: int = 1,
) -> Batch | Mismatch:
    """The batch that follows from what is given.

    With nothing but a per-device batch the accumulation is the one that ms-swift would
    choose, max(1, ceil(16 / per_device / world_size)), written out.

    Args:
        global_size: Rows per optimizer step wanted.
        per_device: Rows a process takes at once.
        accumulation: Forward passes per optimizer step.
        world_size: Processes on all nodes; None if it is not known yet.
        sequence_parallel_size: Processes that share one row; divides the world size.
    """
    if world_size is None:
        return Batch(None, per_device or 1, accumulation, None, sequence_parallel_size)
    if world_size % sequence_parallel_size:
        return Mismatch(
            f"{_processes(world_size)} can't be divided into groups of {sequence_parallel_size} "
            "that share a sequence",
            "sequence_parallel_size that works: " + _joined(divisors(world_size)),
            "sequence_parallel_size",
        )
    replicas = world_size // sequence_parallel_size
    if global_size is None:
        per_device = per_device or 1
        accumulation = accumulation or _swift_accumulation(per_device, world_size)
    elif accumulation is None:
        per_device = per_device or 1
        accumulation, rest = divmod(global_size, per_device * replicas)
        if rest or not accumulation:
            return _indivisible(global_size, per_device * replicas, per_device, replicas)
    elif per_device is None:
        per_device, rest = divmod(global_size, accumulation * replicas)
        if rest or not per_device:
            return _indivisible(global_size, accumulation * replicas, None, replicas)
    product = per_device * accumulation * replicas
    if global_size is not None and global_size != product:
        return _unequal(global_size, per_device, accumulation, replicas)
    return Batch(product, per_device, accumulation, world_size, sequence_parallel_size)


def divisors(number: int) -> list[int]:
    """All divisors, ascending."""
    low = [n for n in range(1, math.isqrt(number) + 1) if number % n == 0]
    return low + [number // n for n in reversed(low) if n * n != number]


def _swift_accumulation(per_device: int, world_size: int) -> int:
    return math.ceil(SWIFT_TARGET_BATCH / per_device / world_size)  # 1 at least


def _indivisible(global_size: int, step: int, per_device: int | None, replicas: int) -> Mismatch:
    """`step` rows come at a time, and the global batch is not a multiple of that."""
    lower, upper = global_size // step * step, (global_size // step + 1) * step
    sizes = [str(size) for size in (lower, upper) if size]
    name = "per_device_train_batch_size" if per_device else "gradient_accumulation_steps"
    wanted = step // replicas
    hint = "global_batch_size that works: " + " or ".join(sizes)
    if global_size % replicas == 0:
        options = _nearest(divisors(global_size // replicas), wanted)
        hint += f"; or {name}: " + _joined(options)
    return Mismatch(
        f"global_batch_size {global_size} is not a multiple of {step} "
        f"({name} {wanted} × {_replicas(replicas)})",
        hint,
    )


def _unequal(global_size: int, per_device: int, accumulation: int, replicas: int) -> Mismatch:
    product = per_device * accumulation * replicas
    options = [f"global_batch_size: {product}"]
    if global_size % (per_device * replicas) == 0:
        options.append(f"gradient_accumulation_steps: {global_size // (per_device * replicas)}")
    if global_size % (accumulation * replicas) == 0:
        options.append(f"per_device_train_batch_size: {global_size // (accumulation * replicas)}")
    return Mismatch(
        f"global_batch_size is {global_size}, but per_device_train_batch_size {per_device} × "
        f"gradient_accumulation_steps {accumulation} × {_replicas(replicas)} = {product}",
        "one of these works: " + "; ".join(options),
    )


def _nearest(numbers: list[int], wanted: int, count: int = 3) -> list[int]:
    return sorted(sorted(numbers, key=lambda number: abs(number - wanted))[:count])


def _joined(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers))


def _processes(count: int) -> str:
    return f"{count} process{'es' if count != 1 else ''}"


def _replicas(replicas: int) -> str:
    return f"{replicas} data-parallel process{'es' if replicas != 1 else ''}"
