"""One block of each vision tower, and what merges patches into tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlft.estimate.memory import ops
from vlft.estimate.memory.attention import attend

if TYPE_CHECKING:
    from vlft.estimate.memory.attention import Spans
    from vlft.estimate.memory.modules import Net
    from vlft.estimate.memory.tape import Tensor
    from vlft.models.architecture import VisionShape

    Rope = tuple[Tensor, Tensor]


def patch_block(net: Net, shape: VisionShape, rope: Rope, spans: Spans, x: Tensor) -> Tensor:
    """A block over patches of any image: rotary positions."""
    x = ops.add(net.tape, x, _attention(net, shape, _norm(net, shape, x), spans, rope))
    return ops.add(net.tape, x, _mlp(net, shape, _norm(net, shape, x)))


def tile_block(net: Net, shape: VisionShape, spans: Spans, x: Tensor) -> Tensor:
    """A block over tiles: a learned scale on both branches (InternViT)."""
    tape, width = net.tape, shape.hidden
    attention = _attention(net, shape, net.layer_norm(x, width), spans)
    hidden = ops.add(tape, ops.mul(tape, attention, net.weight(width)), x)
    output = _mlp(net, shape, net.layer_norm(hidden, width))
    return ops.add(tape, ops.mul(tape, output, net.weight(width)), hidden)


def merger(net: Net, shape: VisionShape, x: Tensor, *, after: bool = False) -> Tensor:
    """Norm, then two linear layers over `merge` patches at once.

    Args:
        net: The aligner's.
        shape: The tower.
        x: Patches.
        after: Whether the norm is over the joined patches (Qwen3-VL's deepstack).
    """
    wide = shape.hidden * shape.merge
    if shape.norm == "rms_norm":
        normed = net.rms_norm(x, shape.hidden)
    else:
        normed = net.layer_norm(x, wide if after else shape.hidden)
    inner = ops.unary(net.tape, net.linear(normed, wide, wide, bias=True), keeps_input=True)
    return net.linear(inner, wide, shape.output, bias=True)


def projector(net: Net, shape: VisionShape, x: Tensor) -> Tensor:
    """The aligner of a tower over tiles: its first layer narrows already."""
    wide = shape.hidden * shape.merge
    hidden = net.layer_norm(x, wide)
    hidden = net.linear(hidden, wide, shape.output, bias=True)
    hidden = ops.unary(net.tape, hidden, keeps_input=True)
    return net.linear(hidden, shape.output, shape.output, bias=True)


def _norm(net: Net, shape: VisionShape, x: Tensor) -> Tensor:
    if shape.norm == "rms_norm":
        return net.rms_norm(x, shape.hidden)
    return net.layer_norm(x, shape.hidden)


def _mlp(net: Net, shape: VisionShape, x: Tensor) -> Tensor:
    if shape.mlp == "gated":
        return net.gated(x, shape.hidden, shape.intermediate, bias=True)
    if shape.mlp == "quick_gelu":
        inner = _quick_gelu(net, net.linear(x, shape.hidden, shape.intermediate, bias=True))
    else:
        inner = ops.unary(
            net.tape, net.linear(x, shape.hidden, shape.intermediate, bias=True), keeps_input=True
        )
    return net.linear(inner, shape.intermediate, shape.hidden, bias=True)


def _quick_gelu(net: Net, x: Tensor) -> Tensor:
    gate = ops.sigmoid(net.tape, ops.unary(net.tape, x))
    return ops.mul(net.tape, x, gate)


def _attention(
    net: Net, shape: VisionShape, x: Tensor, spans: Spans, rope: Rope | None = None
) -> Tensor:
    width, bias = shape.hidden, shape.qkv_bias
    if shape.joined_qkv:
        joined = net.linear(x, width, 3 * width, bias=bias)
        if rope is not None:
            joined = ops.contiguous_gradient(net.tape, joined)
        query, key, value = ops.unbound(net.tape, joined, (x.count,) * 3)
    else:
        query, key, value = (net.linear(x, width, width, bias=bias) for _ in range(3))
    if shape.qk_norm:
        query, key = net.rms_norm(query, width), net.rms_norm(key, width)
    if rope is not None:
        query, key = _rotate(net, query, key, rope)
    output = attend(net, query, key, value, shape.heads, spans)
    return net.linear(output, width, width, bias=True)


def _rotate(net: Net, query: Tensor, key: Tensor, rope: Rope) -> Rope:
    wide_query, wide_key = ops.cast(net.tape, query, 4), ops.cast(net.tape, key, 4)
    turned_query = net.rotary(wide_query, *rope)
    turned_key = net.rotary(wide_key, *rope)
    turned_query = ops.cast(net.tape, turned_query, 2)
    turned_key = ops.cast(net.tape, turned_key, 2)
    return turned_query, turned_key
