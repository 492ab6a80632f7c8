"""The language model: decoder layers, its head and the loss."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlft.estimate.memory import ops
from vlft.estimate.memory.attention import attend

if TYPE_CHECKING:
    from vlft.estimate.memory.attention import Spans
    from vlft.estimate.memory.modules import Net
    from vlft.estimate.memory.tape import Tensor
    from vlft.models.architecture import TextShape

    Rope = tuple[Tensor, Tensor]


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


def rope_tables(net: Net, tokens: int, head_dim: int) -> tuple[Tensor, Tensor]:
    """Cosines and sines of every token, without gradients; both stay through the backward."""
    tape = net.tape
    angles = tape.new(3 * tokens * head_dim // 2, 4)
    cos, sin = tape.new(angles.count, 4), tape.new(angles.count, 4)
    sin = tape.new(tokens * head_dim, 4)
    cos = tape.new(tokens * head_dim, 4)
    return ops.cast(tape, cos, 2), ops.cast(tape, sin, 2)


def decoder_layer(net: Net, shape: TextShape, x: Tensor, rope: Rope, spans: Spans) -> Tensor:
    """Attention and MLP, each with its norm before and the stream added after."""
    residual = x
    hidden = net.rms_norm(x, shape.hidden)
    hidden = _attention(net, shape, hidden, rope, spans)
    hidden = ops.add(net.tape, residual, hidden)
    residual = hidden
    hidden = net.rms_norm(hidden, shape.hidden)
    if shape.experts:
        hidden = experts(net, shape, hidden)
    else:
        hidden = net.gated(hidden, shape.hidden, shape.intermediate)
    return ops.add(net.tape, residual, hidden)


def _attention(net: Net, shape: TextShape, x: Tensor, rope: Rope, spans: Spans) -> Tensor:
    wide, narrow = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    if shape.qk_norm:
        query = net.rms_norm(net.linear(x, shape.hidden, wide, bias=shape.qkv_bias), shape.head_dim)
        query = ops.contiguous_gradient(net.tape, query)
        key = net.rms_norm(net.linear(x, shape.hidden, narrow, bias=shape.qkv_bias), shape.head_dim)
        key = ops.contiguous_gradient(net.tape, key)
        value = net.linear(x, shape.hidden, narrow, bias=shape.qkv_bias)
    else:
        query = net.linear(x, shape.hidden, wide, bias=shape.qkv_bias)
        key = net.linear(x, shape.hidden, narrow, bias=shape.qkv_bias)
        value = net.linear(x, shape.hidden, narrow, bias=shape.qkv_bias)
        query = ops.contiguous_gradient(net.tape, query)
        key = ops.contiguous_gradient(net.tape, key)
    query, key = net.rotary(query, *rope), net.rotary(key, *rope)
    output = attend(net, query, key, value, shape.heads, spans)
    return net.linear(output, wide, shape.hidden, bias=shape.o_bias)


def add_feature(net: Net, x: Tensor, feature: Tensor) -> Tensor:
    """Qwen3-VL's deepstack: add a vision feature to the places of the vision tokens."""
    tape = net.tape
    stream = ops.cloned(tape, x)
    chosen = ops.add(tape, ops.gather(tape, stream, feature.count), feature)
    return ops.put(tape, stream, chosen)


def head_and_loss(net: Net, shape: TextShape, x: Tensor, kept: int, weight: Tensor) -> Tensor:
    """Logits of the kept tokens and their cross entropy in float32."""
    tape = net.tape
    chosen = ops.view(x)
    if kept * shape.hidden != x.count:
        chosen = ops.sliced(tape, x, kept * shape.hidden)
    if "loss" in net.fused:
        return ops.fused_head(tape, chosen, weight, shape.vocabulary)
    with tape.charging("logits"):
        logits = net.matmul(chosen, weight, kept * shape.vocabulary)
        return ops.cross_entropy(tape, ops.cast(tape, logits, 4), shape.vocabulary)
