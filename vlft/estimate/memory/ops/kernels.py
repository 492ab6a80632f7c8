"""Attention and losses that are one kernel or a few."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlft.estimate.memory.ops.elementwise import cast, like
from vlft.estimate.memory.tape import Tensor

if TYPE_CHECKING:
    from vlft.estimate.memory.tape import Grads, Kept, Tape


def fused_attention(
    tape: Tape, q: Tensor, k: Tensor, v: Tensor, sums: int, bias: Tensor | None = None
) -> Tensor:
    """A kernel that keeps Q, K, V, a bias, its output and a float32 a head and token."""
    output = like(tape, q)
    lse = tape.new(sums, 4)
    sizes = tuple((x.count, x.width) for x in (q, k, v))

    def backward(gradient: Tensor, _: Kept) -> Grads:
        del gradient
        return tuple(tape.new(*size) for size in sizes)

    return tape.record(output, (q, k, v), backward, (q, k, v, bias, output, lse))


def cross_entropy(tape: Tape, logits: Tensor, vocabulary: int) -> Tensor:
    """ForCausalLMLoss of float32 logits: keeps their log-softmax."""
    probabilities = like(tape, logits)
    count, width = logits.count, logits.width

    def softmax_backward(gradient: Tensor, _: Kept) -> Grads:
        del gradient
        return (tape.new(count, width),)

    tape.record(probabilities, (logits,), softmax_backward, (probabilities,))
    loss = tape.new(1, 4)
    rows = count // vocabulary

    def backward(gradient: Tensor, _: Kept) -> Grads:
        del gradient
        return (tape.new(count, width),)

    labels = tape.new(rows, 8)
    return tape.record(loss, (probabilities,), backward, (probabilities, labels))


def fused_head(tape: Tape, x: Tensor, weight: Tensor, vocabulary: int) -> Tensor:
    """Liger's head and loss: logits of a chunk at a time, and the gradients in the forward."""
    rows, hidden = x.count // (weight.count // vocabulary), weight.count // vocabulary
    for_x = like(tape, x)
    for_weight = tape.new(weight.count, 2) if weight.node is not None else None
    chunk = 1 << (-(-rows // -(-vocabulary // hidden)) - 1).bit_length()
    logits = tape.new(min(chunk, rows) * vocabulary, 2, "logits")
    del logits
    sizes = (x.count, x.width), (weight.count, 2)

    def backward(gradient: Tensor, kept: Kept) -> Grads:
        del gradient
        second = None if kept[1] is None else Tensor(*sizes[1], kept[1])
        return Tensor(*sizes[0], kept[0]), second

    return tape.record(tape.new(1, 4), (x, weight), backward, (for_x, for_weight))


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
