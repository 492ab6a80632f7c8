"""What works element by element."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlft.estimate.memory.tape import Tensor

if TYPE_CHECKING:
    from vlft.estimate.memory.tape import Grads, Kept, Tape


def like(tape: Tape, x: Tensor) -> Tensor:
    """A new tensor of the same size."""
    return tape.new(x.count, x.width)


def cast(tape: Tape, x: Tensor, width: int) -> Tensor:
    """`x.to(dtype)`: nothing where it is that already; a weight's copy is cached by autocast."""
    if x.width == width:
        return x
    output = tape.new(x.count, width)
    count, before = x.count, x.width

    def backward(gradient: Tensor, _: Kept) -> Grads:
        del gradient
        return (tape.new(count, before),)

    if x.storage is None and x.node is not None:
        tape.casts.append(output.storage)
    return tape.record(output, (x,), backward)


def unary(tape: Tape, x: Tensor, *, keeps_input: bool = False, steps: int = 1) -> Tensor:
    """An elementwise function; its backward makes `steps` tensors, the last is the gradient."""
    output = like(tape, x)
    count, width = x.count, x.width

    def backward(gradient: Tensor, _: Kept) -> Grads:
        del gradient
        made = [tape.new(count, width) for _step in range(steps)]
        return (made[-1],)

    return tape.record(output, (x,), backward, (x,) if keeps_input else ())


def add(tape: Tape, a: Tensor, b: Tensor) -> Tensor:
    """A sum of equals: both get the gradient as it is."""
    output = tape.new(a.count, max(a.width, b.width))
    widths = a.width, b.width

    def backward(gradient: Tensor, _: Kept) -> Grads:
        same = [
            gradient if gradient.width == width else tape.new(gradient.count, width)
            for width in widths
        ]
        return tuple(same)

    return tape.record(output, (a, b), backward)


def mul(tape: Tape, a: Tensor, b: Tensor) -> Tensor:
    """A product; `b` may be smaller and is then spread over `a`."""
    output = Tensor(a.count, max(a.width, b.width), None)  # made after its inputs are kept
    ours, theirs = (a.count, a.width), (b.count, b.width)
    wanted = a.node is not None, b.node is not None
    wide = output.width

    def backward(gradient: Tensor, _: Kept) -> Grads:
        first = tape.new(ours[0], wide) if wanted[0] else None
        second = None
        if wanted[1]:
            second = tape.new(gradient.count, wide)
            if theirs[0] != gradient.count:
                second = tape.new(theirs[0], wide)
        if first is not None and first.width != ours[1]:
            first = tape.new(*ours)
        if second is not None and second.width != theirs[1]:
            second = tape.new(*theirs)
        return first, second

    kept = (b if a.node is not None else None, a if b.node is not None else None)
    tape.record(output, (a, b), backward, kept)
    output.storage = tape.new(output.count, wide).storage
    return output


def sigmoid(tape: Tape, x: Tensor) -> Tensor:
    """Keeps its result."""
    output = like(tape, x)
    count, width = x.count, x.width

    def backward(gradient: Tensor, _: Kept) -> Grads:
        del gradient
        return (tape.new(count, width),)

    return tape.record(output, (x,), backward, (output,))


def softmax(tape: Tape, x: Tensor) -> Tensor:
    """Keeps its result."""
    return sigmoid(tape, x)


def rsqrt(tape: Tape, x: Tensor) -> Tensor:
    """The inverse root of x + eps: keeps its result."""
    output = like(tape, like(tape, x))
    count, width = x.count, x.width

    def backward(gradient: Tensor, _: Kept) -> Grads:
        del gradient
        made = [tape.new(count, width) for _step in range(3)]
        return (made[-1],)

    return tape.record(output, (x,), backward, (output,))


def reduce(tape: Tape, x: Tensor, count: int) -> Tensor:
    """A mean over the last dimension; its backward spreads it out again."""
    output = tape.new(count, x.width)
    full, width = x.count, x.width

    def backward(gradient: Tensor, _: Kept) -> Grads:
        del gradient
        return (tape.new(full, width),)

    return tape.record(output, (x,), backward)


def dropout(tape: Tape, x: Tensor, share: float) -> Tensor:
    """native_dropout: keeps a mask of bytes."""
    if share == 0:
        return x
    output, mask = like(tape, x), tape.new(x.count, 1)
    count, width = x.count, x.width

    def backward(gradient: Tensor, _: Kept) -> Grads:
        del gradient
        return (tape.new(count, width),)

    return tape.record(output, (x,), backward, (mask,))


def spread_add(tape: Tape, x: Tensor, weight: Tensor) -> Tensor:
    """Add a weight to every row of x; its gradient is summed over them."""
    output = like(tape, x)
    size = weight.count, weight.width
    wanted = weight.node is not None

    def backward(gradient: Tensor, _: Kept) -> Grads:
        return gradient, tape.new(*size) if wanted else None

    return tape.record(output, (x, weight), backward)


def fused_gate(tape: Tape, gate: Tensor, up: Tensor) -> Tensor:
    """Liger's silu(gate) * up: keeps both, and the backward writes the gradients over them."""
    output = like(tape, gate)
    count, width = gate.count, gate.width

    def backward(gradient: Tensor, kept: Kept) -> Grads:
        del gradient
        return Tensor(count, width, kept[0]), Tensor(count, width, kept[1])

    return tape.record(output, (gate, up), backward, (gate, up))
