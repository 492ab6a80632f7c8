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


def matmul(tape: Tape, x: Tensor, weight: Tensor, bias: Tensor | None, count: int) -> Tensor:
    """`x @ weight.T + bias` with `count` elements out, all of one width."""
    output = Tensor(count, x.width, None)  # made only after its inputs are kept
    ins, outs = (x.count, x.width), (weight.count, weight.width)
    extra = None if bias is None else (bias.count, bias.width)
    wanted = x.node is not None, weight.node is not None, bias is not None and bias.node is not None

    def backward(gradient: Tensor, _: Kept) -> Grads:
        del gradient
        for_x = tape.new(*ins) if wanted[0] else None
        for_weight = tape.new(*outs) if wanted[1] else None
        for_bias = tape.new(*extra) if wanted[2] and extra else None
        return for_x, for_weight, for_bias

    inputs = (x, weight) if bias is None else (x, weight, bias)
    kept = (weight if x.node is not None else None, x if weight.node is not None else None)
    tape.record(output, inputs, backward, kept)
    output.storage = tape.new(count, x.width).storage
    return output


def bmm(tape: Tape, a: Tensor, b: Tensor, count: int) -> Tensor:
    """A batched product: keeps both."""
    output = tape.new(count, a.width)
    sizes = (a.count, a.width), (b.count, b.width)
    wanted = a.node is not None, b.node is not None

    def backward(gradient: Tensor, _: Kept) -> Grads:
        del gradient
        second = tape.new(*sizes[1]) if wanted[1] else None
        return tape.new(*sizes[0]) if wanted[0] else None, second

    kept = (b if a.node is not None else None, a if b.node is not None else None)
    return tape.record(output, (a, b), backward, kept)


def quantized(tape: Tape, x: Tensor, weight: int, count: int, bits: int) -> Tensor:
    """A product with a weight of bitsandbytes: the backward restores the whole weight.

    Of x, 4 bits keep nothing; 8 bits make a float16 and an int8 copy of it, and keep it itself.
    """
    if bits == 8:  # noqa: PLR2004
        half = like(tape, x)
        rounded = tape.new(x.count, 1)
        del half
        sums = tape.new(count, 4)
        del rounded
        half = tape.new(count, x.width)
        del sums
    output = tape.new(count, x.width)
    half = output
    ins, width = x.count, x.width

    def backward(gradient: Tensor, _: Kept) -> Grads:
        del gradient
        restored = tape.new(weight, width)
        for_x = tape.new(ins, width)
        del restored
        return (for_x,)

    del half
    return tape.record(output, (x,), backward, (x,) if bits == 8 else ())  # noqa: PLR2004


def embedding(tape: Tape, weight: Tensor, tokens: int, width: int) -> Tensor:
    """Rows of a table; the gradient is as large as the table."""
    output = tape.new(tokens * width, weight.width)
    table = weight.count, weight.width

    def backward(gradient: Tensor, _: Kept) -> Grads:
        del gradient
        return (tape.new(*table),)

    return tape.record(output, (weight,), backward)


def patches(tape: Tape, pixels: Tensor, weights: tuple[Tensor, ...], count: int) -> Tensor:
    """The patch embedding: a gradient for each weight, none for the pixels."""
    output = tape.new(count, pixels.width)
    sizes = tuple((weight.count, weight.width) for weight in weights)

    def backward(gradient: Tensor, _: Kept) -> Grads:
        del gradient
        return tuple(tape.new(*size) for size in sizes)

    return tape.record(output, weights, backward, (pixels,))
