"""DoRA as PEFT computes it: the adapted weight's norm first, then direction and magnitude."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlft.plan.memory import ops
from vlft.plan.memory.tensors import Tensor

if TYPE_CHECKING:
    from vlft.plan.memory.net import Net


def dora(
    net: Net, ins: int, x: Tensor, result: Tensor, weights: tuple[Tensor, Tensor, Tensor]
) -> Tensor:
    """The layer's output with DoRA's part added (peft/tuners/lora/dora.py:DoraLinearLayer).

    Args:
        net: Of the layer.
        ins: Width of x.
        x: The input in the adapter's type.
        result: Of the base layer.
        weights: A, B and the magnitude.
    """
    tape, adapter = net.tape, net.adapter
    assert adapter is not None  # noqa: S101
    down, up, magnitude = weights
    rows, outs = x.count // ins, magnitude.count
    dropped = ops.dropout(tape, x, adapter.dropout)
    norm = _norm(net, ins, outs, adapter.rank)
    low = net.matmul(dropped, down, rows * adapter.rank)
    change = net.matmul(low, up, rows * outs)
    base = result
    if adapter.dropout:
        weight = Tensor(ins * outs, 2, tape.new(ins * outs, 2).storage)
        base = net.matmul(dropped, weight, rows * outs)
        del weight
    kept = ops.mul(tape, base, magnitude)
    changed = ops.unary(tape, ops.mul(tape, change, magnitude))
    total = ops.add(tape, kept, changed)
    del norm, kept, changed
    return ops.cast(tape, ops.add(tape, result, total), 2)


def _norm(net: Net, ins: int, outs: int, rank: int) -> tuple[Tensor, ...]:
    """Work for the norm of W + BA, by way of an identity matrix; lives to the layer's end."""
    tape, adapter = net.tape, net.adapter
    assert adapter is not None  # noqa: S101
    eye = tape.new(ins * ins, adapter.width)
    narrow = ops.cast(tape, eye, 2)
    low = tape.new(ins * rank, 2)
    product = tape.new(ins * outs, 2)
    del eye
    delta = ops.cast(tape, product, adapter.width)
    del product
    weight = tape.new(ins * outs, 4) if adapter.width > 2 else delta  # noqa: PLR2004
    scaled = tape.new(ins * outs, adapter.width)
    summed = tape.new(ins * outs, adapter.width)
    del scaled, summed
    return narrow, low, delta, weight
