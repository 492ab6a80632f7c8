"""Norms that are one kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlft.plan.memory.ops.elementwise import cast, like

if TYPE_CHECKING:
    from vlft.plan.memory.ops.types import Grads, Kept
    from vlft.plan.memory.tape import Tape
    from vlft.plan.memory.tensors import Tensor


def layer_norm(
    tape: Tape, x: Tensor, weight: Tensor, bias: Tensor, rows: int, inner: int
) -> Tensor:
    """LayerNorm in `inner` bytes an element: under autocast in float32, and so its output."""
    wide, scale, shift = (cast(tape, tensor, inner) for tensor in (x, weight, bias))
    output = like(tape, wide)
    mean, deviation = tape.new(rows, 4), tape.new(rows, 4)
    count, width = wide.count, weight.count
    wanted = weight.node is not None

    def backward(gradient: Tensor, _: Kept) -> Grads:
        del gradient
        for_x = tape.new(count, inner)
        if not wanted:
            return (for_x,)
        return for_x, tape.new(width, inner), tape.new(width, inner)

    return tape.record(
        output, (wide, scale, shift), backward, (wide, mean, deviation, scale, shift)
    )


def fused_norm(tape: Tape, x: Tensor, weight: Tensor, rows: int) -> Tensor:
    """Liger's RMSNorm: keeps x and a float32 a row; the backward writes over its gradient."""
    output = like(tape, x)
    deviation = tape.new(rows, 4)
    count = weight.count
    wanted = weight.node is not None

    def backward(gradient: Tensor, _: Kept) -> Grads:
        return gradient, tape.new(count, 2) if wanted else None

    return tape.record(output, (x, weight), backward, (x, deviation))


def fused_layer_norm(tape: Tape, x: Tensor, weight: Tensor, bias: Tensor, rows: int) -> Tensor:
    """Liger's LayerNorm: keeps x and two float32 a row."""
    output = like(tape, x)
    mean, deviation = tape.new(rows, 4), tape.new(rows, 4)
    count, width = x.count, x.width
    columns = weight.count
    wanted = weight.node is not None

    def backward(gradient: Tensor, _: Kept) -> Grads:
        del gradient
        for_x = tape.new(count, width)
        if not wanted:
            return (for_x,)
        return for_x, tape.new(columns, 2), tape.new(columns, 2)

    return tape.record(output, (x, weight, bias), backward, (x, mean, deviation))
