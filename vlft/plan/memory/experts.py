"""Mixture of experts, every token's experts computed by one grouped product."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlft.plan.memory import ops

if TYPE_CHECKING:
    from vlft.plan.memory.net import Net
    from vlft.plan.memory.shape import TextShape
    from vlft.plan.memory.tensors import Tensor


def experts(net: Net, shape: TextShape, x: Tensor) -> Tensor:
    """The grouped_mm of transformers (integrations/moe.py); no adapters on experts and router."""
    tape, width = net.tape, shape.hidden
    chosen = x.count // width * shape.experts_per_token
    scores = _route(net, shape, x, chosen)
    order = tape.new(chosen, 8), tape.new(chosen, 8)
    selected = ops.gather(tape, x, chosen * width)
    table = net.weight(shape.experts * 2 * width * shape.expert_width)
    inner = ops.matmul(tape, selected, table, None, 2 * chosen * shape.expert_width)
    gate, up = ops.unbound(tape, inner, (inner.count // 2,) * 2)
    product = ops.mul(tape, ops.unary(tape, gate, keeps_input=True), up)
    table = net.weight(shape.experts * width * shape.expert_width)
    output = ops.matmul(tape, product, table, None, chosen * width)
    output = ops.gather(tape, ops.mul(tape, output, scores), output.count)
    del order
    return ops.reduce(tape, output, x.count)


def _route(net: Net, shape: TextShape, x: Tensor, chosen: int) -> Tensor:
    tape = net.tape
    logits = net.matmul(
        x,
        net.weight(shape.experts * shape.hidden),
        chosen // shape.experts_per_token * shape.experts,
    )
    shares = ops.softmax(tape, ops.cast(tape, logits, 4))
    return ops.cast(tape, ops.gather(tape, shares, chosen), 2)
