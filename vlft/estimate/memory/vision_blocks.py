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


def patch_block(net: Net, shape: VisionShape, x: Tensor, rope: Rope, spans: Spans) -> Tensor:
    """A block over patches of any image: rotary positions."""
    x = ops.add(net.tape, x, _patch_attention(net, shape, _norm(net, shape, x), rope, spans))
    return ops.add(net.tape, x, _mlp(net, shape, _norm(net, shape, x)))


def tile_block(net: Net, shape: VisionShape, x: Tensor, spans: Spans) -> Tensor:
    """A block over tiles: a learned scale on both branches (InternViT)."""
    tape, width = net.tape, shape.hidden
    attention = _tile_attention(net, shape, net.layer_norm(x, width), spans)
    attention = ops.mul(tape, attention, net.weight(width))
    hidden = ops.add(tape, attention, x)
    output = net.layer_norm(hidden, width)
    output = _tile_mlp(net, shape, output)
    output = ops.mul(tape, output, net.weight(width))
    return ops.add(tape, output, hidden)


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


def _patch_attention(net: Net, shape: VisionShape, x: Tensor, rope: Rope, spans: Spans) -> Tensor:
    tape, width = net.tape, shape.hidden
    joined = net.linear(x, width, 3 * width, bias=True)
    query, key, value = ops.unbound(tape, ops.contiguous_gradient(tape, joined), (x.count,) * 3)
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


def _tile_attention(net: Net, shape: VisionShape, x: Tensor, spans: Spans) -> Tensor:
    width = shape.hidden
    if shape.joined_qkv:
        joined = net.linear(x, width, 3 * width, bias=shape.qkv_bias)
        query, key, value = ops.unbound(net.tape, joined, (x.count,) * 3)
    else:
        query = net.linear(x, width, width, bias=shape.qkv_bias)
        key = net.linear(x, width, width, bias=shape.qkv_bias)
        value = net.linear(x, width, width, bias=shape.qkv_bias)
    if shape.qk_norm:
        query, key = net.rms_norm(query, width), net.rms_norm(key, width)
    output = attend(net, query, key, value, shape.heads, spans)
    return net.linear(output, width, width, bias=True)


def _tile_mlp(net: Net, shape: VisionShape, x: Tensor) -> Tensor:
    hidden = net.linear(x, shape.hidden, shape.intermediate, bias=True)
    hidden = ops.unary(net.tape, hidden, keeps_input=True)
    return net.linear(hidden, shape.intermediate, shape.hidden, bias=True)
