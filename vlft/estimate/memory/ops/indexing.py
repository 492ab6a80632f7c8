"""Views, copies, and rows taken from and put into places."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlft.estimate.memory.ops.elementwise import like
from vlft.estimate.memory.tape import Tensor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vlft.estimate.memory.tape import Grads, Kept, Tape


def view(x: Tensor) -> Tensor:
    """The same storage under another shape."""
    return Tensor(x.count, x.width, x.storage, x.node)


def halves(tape: Tape, x: Tensor) -> tuple[Tensor, Tensor]:
    """Two views of half the elements; the backward of each makes a whole one."""
    count, width = x.count, x.width

    def backward(gradient: Tensor, _: Kept) -> Grads:
        del gradient
        return (tape.new(count, width),)

    first = tape.record(Tensor(count // 2, width, x.storage), (x,), backward)
    return first, tape.record(Tensor(count // 2, width, x.storage), (x,), backward)


def unbound(tape: Tape, x: Tensor, counts: Sequence[int]) -> list[Tensor]:
    """Views of pieces; the backward joins their gradients."""
    count, width = x.count, x.width
    gathered: list[Tensor] = []

    def backward(gradient: Tensor, _: Kept) -> Grads:
        gathered.append(gradient)
        if len(gathered) < len(counts):
            return (None,)
        joined = tape.new(count, width)
        gathered.clear()
        return (joined,)

    views = [Tensor(piece, width, x.storage) for piece in counts]
    return [tape.record(view, (x,), backward) for view in views]


def cat(tape: Tape, *pieces: Tensor) -> Tensor:
    """One tensor of several; their gradients are views of its."""
    output = tape.new(sum(piece.count for piece in pieces), pieces[0].width)
    counts = tuple(piece.count for piece in pieces)

    def backward(gradient: Tensor, _: Kept) -> Grads:
        return tuple(Tensor(count, gradient.width, gradient.storage) for count in counts)

    return tape.record(output, pieces, backward)


def sliced(tape: Tape, x: Tensor, count: int) -> Tensor:
    """A view of some rows; the backward puts them among zeros."""
    output = Tensor(count, x.width, x.storage)
    full, width = x.count, x.width

    def backward(gradient: Tensor, _: Kept) -> Grads:
        del gradient
        return (tape.new(full, width),)

    return tape.record(output, (x,), backward)


def repeated(tape: Tape, x: Tensor, times: int) -> Tensor:
    """Keys or values for every query head; their gradients are summed."""
    if times == 1:
        return x
    output = tape.new(x.count * times, x.width)
    count, width = x.count, x.width

    def backward(gradient: Tensor, _: Kept) -> Grads:
        del gradient
        return (tape.new(count, width),)

    return tape.record(output, (x,), backward)


def copied(tape: Tape, x: Tensor) -> Tensor:
    """`contiguous()` of a permuted view: a copy both ways."""
    output = like(tape, x)
    count, width = x.count, x.width

    def backward(gradient: Tensor, _: Kept) -> Grads:
        del gradient
        return (tape.new(count, width),)

    return tape.record(output, (x,), backward)


def cloned(tape: Tape, x: Tensor) -> Tensor:
    """A copy whose gradient is passed on as it is."""
    output = like(tape, x)

    def backward(gradient: Tensor, _: Kept) -> Grads:
        return (gradient,)

    return tape.record(output, (x,), backward)


def contiguous_gradient(tape: Tape, x: Tensor) -> Tensor:
    """A transposing view: nothing forward, a copy of the gradient backward."""
    output = Tensor(x.count, x.width, x.storage)
    count, width = x.count, x.width

    def backward(gradient: Tensor, _: Kept) -> Grads:
        del gradient
        return (tape.new(count, width),)

    return tape.record(output, (x,), backward)


def gather(tape: Tape, x: Tensor, count: int) -> Tensor:
    """Rows of x by an index; the backward makes a whole one again."""
    output = tape.new(count, x.width)
    full, width = x.count, x.width

    def backward(gradient: Tensor, _: Kept) -> Grads:
        del gradient
        return (tape.new(full, width),)

    return tape.record(output, (x,), backward)


def scatter(tape: Tape, into: Tensor, values: Tensor, mask: Tensor) -> Tensor:
    """masked_scatter: vision tokens into the embedded text."""
    output = like(tape, into)
    whole, part = (into.count, into.width), (values.count, values.width)
    wanted = into.node is not None, values.node is not None

    def backward(gradient: Tensor, _: Kept) -> Grads:
        del gradient
        for_into = tape.new(*whole) if wanted[0] else None
        return for_into, tape.new(*part) if wanted[1] else None

    return tape.record(output, (into, values), backward, (mask,))


def put(tape: Tape, into: Tensor, values: Tensor) -> Tensor:
    """index_put_: writes rows in place."""
    output = Tensor(into.count, into.width, into.storage)
    whole, part = (into.count, into.width), (values.count, values.width)
    wanted = into.node is not None, values.node is not None

    def backward(gradient: Tensor, _: Kept) -> Grads:
        del gradient
        for_into = None
        if wanted[0]:
            zeros = tape.new(*part)
            for_into = tape.new(*whole)
            del zeros
        return for_into, tape.new(*part) if wanted[1] else None

    return tape.record(output, (into, values), backward)
