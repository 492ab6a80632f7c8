"""One training step on the tape: the vision tower, the language model, its head and the loss."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlft.estimate.memory import ops
from vlft.estimate.memory.modules import Net, Spans, Stream, attend
from vlft.estimate.memory.towers import Tower

if TYPE_CHECKING:
    from vlft.estimate.memory.step_spec import RunShape
    from vlft.estimate.memory.tape import Tape, Tensor
    from vlft.models.architecture import ModelShape, TextShape

    Rope = tuple[Tensor, Tensor]


def replay(tape: Tape, model: ModelShape, run: RunShape, *, keeps_gradients: bool) -> None:
    """Forward and backward of a step.

    Args:
        tape: Where memory is counted; holds what is there before.
        model: The model.
        run: The step.
        keeps_gradients: Whether gradients stay on the tape when their layer is done.
    """
    tape.has_gradients = not keeps_gradients
    net = Net(tape, run, run.freeze_llm, model.liger.text, run.quant_bits)
    loss = _forward(net, model)
    tape.casts.clear()
    tape.backward(loss)


def _forward(net: Net, model: ModelShape) -> Tensor:
    text = model.text
    table = net.weight(text.vocabulary * text.hidden)
    hidden, tokens = _model(net, model, table)
    head = table if text.tied else net.weight(text.vocabulary * text.hidden)
    if not model.vision.tile_patches:
        tokens = None  # InternVL's output holds them, Qwen's does not
    loss = _head_and_loss(net, text, hidden, _kept_logits(net.run), head)
    del tokens
    return loss


def _model(net: Net, model: ModelShape, table: Tensor) -> tuple[Tensor, Tensor | None]:
    tape, run, text = net.tape, net.run, model.text
    hidden = ops.gather(tape, table, run.rows * run.tokens * text.hidden)
    if run.gradient_checkpointing:
        tape.wants_grad(hidden)
    if not run.pictures:
        return _language(net, text, hidden, ()), None
    seen = Tower(tape, model, run).forward(run.patches)
    with tape.charging("vision"):
        tokens, features = seen.tokens, seen.features
        if not model.vision.tile_patches:
            tokens = ops.cat(tape, tokens)
            features = tuple(ops.cat(tape, feature) for feature in features)
    mask = tape.new(run.rows * run.tokens, 1)
    hidden = ops.scatter(tape, hidden, tokens, mask)
    hidden = _language(net, text, hidden, features)
    del seen, mask
    return hidden, tokens


def _language(net: Net, text: TextShape, x: Tensor, features: tuple[Tensor, ...]) -> Tensor:
    run = net.run
    if run.sequence_parallel > 1:
        x = ops.sliced(net.tape, x, x.count // run.sequence_parallel)
    stream = Stream(net.tape, x, run.gradient_checkpointing)
    spans = _text_spans(net)
    rope = _rope_tables(net, x.count // text.hidden, text.head_dim)

    def layer(hidden: Tensor) -> Tensor:
        return _decoder_layer(net, text, hidden, rope, spans)

    for feature in features:
        stream.layer(layer)
        stream.x = _add_feature(net, stream.x, feature)
    stream.layers(layer, text.layers - len(features))
    return net.rms_norm(stream.x, text.hidden)


def _kept_logits(run: RunShape) -> int:
    """Tokens whose logits are computed; under sequence parallelism a GPU's share of all."""
    if run.logits is None or run.sequence_parallel > 1:
        return run.rows * run.tokens // run.sequence_parallel
    return run.logits


def _text_spans(net: Net) -> Spans:
    """Rows attend to themselves; eager always adds a mask, sdpa where rows are padded.

    Under sequence parallelism a GPU has all tokens of some heads: as much as some of all.
    """
    run = net.run
    tokens = run.rows * run.tokens // run.sequence_parallel
    pairs = run.rows * run.tokens**2 // run.sequence_parallel
    mask = None
    if run.attention == "eager":
        mask = net.tape.new(pairs if run.padded else run.tokens**2, 2)
    elif run.attention == "sdpa" and run.padded:
        mask = net.tape.new(pairs, 1)
    return Spans(tokens, pairs, mask)


def _experts(net: Net, shape: TextShape, x: Tensor) -> Tensor:
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


def _rope_tables(net: Net, tokens: int, head_dim: int) -> tuple[Tensor, Tensor]:
    """Cosines and sines of every token, without gradients; both stay through the backward."""
    tape = net.tape
    angles = tape.new(3 * tokens * head_dim // 2, 4)
    cos, sin = tape.new(angles.count, 4), tape.new(angles.count, 4)
    sin = tape.new(tokens * head_dim, 4)
    cos = tape.new(tokens * head_dim, 4)
    return ops.cast(tape, cos, 2), ops.cast(tape, sin, 2)


def _decoder_layer(net: Net, shape: TextShape, x: Tensor, rope: Rope, spans: Spans) -> Tensor:
    """Attention and MLP, each with its norm before and the stream added after."""
    residual = x
    hidden = net.rms_norm(x, shape.hidden)
    hidden = _attention(net, shape, hidden, rope, spans)
    hidden = ops.add(net.tape, residual, hidden)
    residual = hidden
    hidden = net.rms_norm(hidden, shape.hidden)
    if shape.experts:
        hidden = _experts(net, shape, hidden)
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


def _add_feature(net: Net, x: Tensor, feature: Tensor) -> Tensor:
    """Qwen3-VL's deepstack: add a vision feature to the places of the vision tokens."""
    tape = net.tape
    stream = ops.cloned(tape, x)
    chosen = ops.add(tape, ops.gather(tape, stream, feature.count), feature)
    return ops.put(tape, stream, chosen)


def _head_and_loss(net: Net, shape: TextShape, x: Tensor, kept: int, weight: Tensor) -> Tensor:
    """Logits of the kept tokens and their cross entropy in float32."""
    tape = net.tape
    chosen = ops.view(x)
    if kept * shape.hidden != x.count:
        chosen = ops.sliced(tape, x, kept * shape.hidden)
    if net.fuses("loss"):
        return ops.fused_head(tape, chosen, weight, shape.vocabulary)
    with tape.charging("logits"):
        logits = net.matmul(chosen, weight, kept * shape.vocabulary)
        return ops.cross_entropy(tape, ops.cast(tape, logits, 4), shape.vocabulary)
