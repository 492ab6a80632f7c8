"""torch's operators by sizes: what each makes, what it keeps, and what its backward makes.

Widths are in bytes an element: 2 for bfloat16, 4 for float32, 1 for a mask.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlft.estimate.memory.tape import Grads, Kept, Tape, Tensor

if TYPE_CHECKING:
    from collections.abc import Sequence


def _record(
    tape: Tape, output: Tensor, inputs: tuple[Tensor, ...], kept: tuple[Tensor | None, ...] = ()
) -> Tensor:
    """Most operators: the backward makes a gradient for each input that wants one."""
    sizes = [None if x.node is None else (x.count, x.width) for x in inputs]

    def backward(gradient: Tensor, _: Kept) -> Grads:
        del gradient
        return tuple(None if size is None else tape.new(*size) for size in sizes)

    return tape.record(output, inputs, backward, kept)


# one input -------------------------------------------------------------------------------------
def like(tape: Tape, x: Tensor) -> Tensor:
    """A new tensor of the same size."""
    return tape.new(x.count, x.width)


def cast(tape: Tape, x: Tensor, width: int) -> Tensor:
    """`x.to(dtype)`: nothing where it is that already; a weight's copy is cached by autocast."""
    if x.width == width:
        return x
    output = tape.new(x.count, width)
    if x.storage is None and x.node is not None:
        tape.casts.append(output.storage)
    return _record(tape, output, (x,))


def unary(tape: Tape, x: Tensor, *, keeps_input: bool = False, steps: int = 1) -> Tensor:
    """An elementwise function; its backward makes `steps` tensors, the last is the gradient."""
    return _stepwise(tape, like(tape, x), x, (x,) if keeps_input else (), steps)


def rsqrt(tape: Tape, x: Tensor) -> Tensor:
    """The inverse root of x + eps: keeps its result."""
    output = like(tape, like(tape, x))
    return _stepwise(tape, output, x, (output,), 3)


def _stepwise(
    tape: Tape, output: Tensor, x: Tensor, kept: tuple[Tensor, ...], steps: int
) -> Tensor:
    count, width = x.count, x.width

    def backward(gradient: Tensor, _: Kept) -> Grads:
        del gradient
        made = [tape.new(count, width) for _step in range(steps)]
        return (made[-1],)

    return tape.record(output, (x,), backward, kept)


def sigmoid(tape: Tape, x: Tensor) -> Tensor:
    """Keeps its result, as softmax does."""
    output = like(tape, x)
    return _record(tape, output, (x,), (output,))


softmax = sigmoid


def dropout(tape: Tape, x: Tensor, share: float) -> Tensor:
    """native_dropout: keeps a mask of bytes."""
    if share == 0:
        return x
    output, mask = like(tape, x), tape.new(x.count, 1)
    return _record(tape, output, (x,), (mask,))


def resized(tape: Tape, x: Tensor, count: int) -> Tensor:
    """A new tensor of `count` elements; the backward makes one of x's size."""
    return _record(tape, tape.new(count, x.width), (x,))


gather = resized
"""Rows of x by an index, and of a table: the gradient is as large as the table."""

reduce = resized
"""A mean or a sum; its backward spreads it out again."""


def repeated(tape: Tape, x: Tensor, times: int) -> Tensor:
    """Keys or values for every query head; their gradients are summed."""
    return x if times == 1 else resized(tape, x, x.count * times)


def copied(tape: Tape, x: Tensor) -> Tensor:
    """`contiguous()` of a permuted view: a copy both ways."""
    return resized(tape, x, x.count)


def cloned(tape: Tape, x: Tensor) -> Tensor:
    """A copy whose gradient is passed on as it is."""
    return tape.record(like(tape, x), (x,), lambda gradient, _: (gradient,))


# views -----------------------------------------------------------------------------------------
def view(x: Tensor) -> Tensor:
    """The same storage under another shape."""
    return Tensor(x.count, x.width, x.storage, x.node)


def sliced(tape: Tape, x: Tensor, count: int) -> Tensor:
    """A view of some rows; the backward puts them among zeros."""
    return _record(tape, Tensor(count, x.width, x.storage), (x,))


def halves(tape: Tape, x: Tensor) -> tuple[Tensor, Tensor]:
    """Two views of half the elements; the backward of each makes a whole one."""
    return sliced(tape, x, x.count // 2), sliced(tape, x, x.count // 2)


def contiguous_gradient(tape: Tape, x: Tensor) -> Tensor:
    """A transposing view: nothing forward, a copy of the gradient backward."""
    return sliced(tape, x, x.count)


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


# several inputs --------------------------------------------------------------------------------
def cat(tape: Tape, *pieces: Tensor) -> Tensor:
    """One tensor of several; their gradients are views of its."""
    output = tape.new(sum(piece.count for piece in pieces), pieces[0].width)
    counts = tuple(piece.count for piece in pieces)

    def backward(gradient: Tensor, _: Kept) -> Grads:
        return tuple(Tensor(count, gradient.width, gradient.storage) for count in counts)

    return tape.record(output, pieces, backward)


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


def spread_add(tape: Tape, x: Tensor, weight: Tensor) -> Tensor:
    """Add a weight to every row of x; its gradient is summed over them."""
    return _record_in_place(tape, like(tape, x), x, weight, ())


def _record_in_place(
    tape: Tape, output: Tensor, x: Tensor, weight: Tensor, kept: tuple[Tensor, ...]
) -> Tensor:
    """The gradient of x is that of the output; a weight that is trained gets its own."""
    size = weight.count, weight.width
    wanted = weight.node is not None

    def backward(gradient: Tensor, _: Kept) -> Grads:
        return gradient, tape.new(*size) if wanted else None

    return tape.record(output, (x, weight), backward, kept)


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

    tape.record(output, (a, b), backward, _factors(a, b))
    output.storage = tape.new(output.count, wide).storage
    return output


def _factors(a: Tensor, b: Tensor) -> tuple[Tensor | None, Tensor | None]:
    """What a product keeps: each factor for the gradient of the other."""
    return b if a.node is not None else None, a if b.node is not None else None


def matmul(tape: Tape, x: Tensor, weight: Tensor, bias: Tensor | None, count: int) -> Tensor:
    """`x @ weight.T + bias` with `count` elements out, all of one width."""
    output = Tensor(count, x.width, None)  # made only after its inputs are kept
    inputs = (x, weight) if bias is None else (x, weight, bias)
    _record(tape, output, inputs, _factors(x, weight))
    output.storage = tape.new(count, x.width).storage
    return output


def bmm(tape: Tape, a: Tensor, b: Tensor, count: int) -> Tensor:
    """A batched product: keeps both."""
    return _record(tape, tape.new(count, a.width), (a, b), _factors(a, b))


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


def patches(tape: Tape, pixels: Tensor, weights: tuple[Tensor, ...], count: int) -> Tensor:
    """The patch embedding: a gradient for each weight, none for the pixels."""
    return _record(tape, tape.new(count, pixels.width), weights, (pixels,))


def scatter(tape: Tape, into: Tensor, values: Tensor, mask: Tensor) -> Tensor:
    """masked_scatter: vision tokens into the embedded text."""
    return _record(tape, like(tape, into), (into, values), (mask,))


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


# norms, attention, losses ----------------------------------------------------------------------
def layer_norm(
    tape: Tape, x: Tensor, weight: Tensor, bias: Tensor, rows: int, inner: int
) -> Tensor:
    """LayerNorm in `inner` bytes an element: under autocast in float32, and so its output."""
    wide, scale, shift = (cast(tape, tensor, inner) for tensor in (x, weight, bias))
    output = like(tape, wide)
    mean, deviation = tape.new(rows, 4), tape.new(rows, 4)
    return _record(tape, output, (wide, scale, shift), (wide, mean, deviation, scale, shift))


def fused_layer_norm(tape: Tape, x: Tensor, weight: Tensor, bias: Tensor, rows: int) -> Tensor:
    """Liger's LayerNorm: keeps x and two float32 a row."""
    output = like(tape, x)
    mean, deviation = tape.new(rows, 4), tape.new(rows, 4)
    return _record(tape, output, (x, weight, bias), (x, mean, deviation))


def fused_norm(tape: Tape, x: Tensor, weight: Tensor, rows: int) -> Tensor:
    """Liger's RMSNorm: keeps x and a float32 a row; the backward writes over its gradient."""
    output = like(tape, x)
    return _record_in_place(tape, output, x, weight, (x, tape.new(rows, 4)))


def fused_gate(tape: Tape, gate: Tensor, up: Tensor) -> Tensor:
    """Liger's silu(gate) * up: keeps both, and the backward writes the gradients over them."""
    output = like(tape, gate)
    count, width = gate.count, gate.width

    def backward(gradient: Tensor, kept: Kept) -> Grads:
        del gradient
        return Tensor(count, width, kept[0]), Tensor(count, width, kept[1])

    return tape.record(output, (gate, up), backward, (gate, up))


def fused_attention(
    tape: Tape, q: Tensor, k: Tensor, v: Tensor, sums: int, bias: Tensor | None = None
) -> Tensor:
    """A kernel that keeps Q, K, V, a bias, its output and a float32 a head and token."""
    output = like(tape, q)
    return _record(tape, output, (q, k, v), (q, k, v, bias, output, tape.new(sums, 4)))


def cross_entropy(tape: Tape, logits: Tensor, vocabulary: int) -> Tensor:
    """ForCausalLMLoss of float32 logits: keeps their log-softmax."""
    probabilities = softmax(tape, logits)
    loss = tape.new(1, 4)
    labels = tape.new(logits.count // vocabulary, 8)
    return _record(tape, loss, (probabilities,), (probabilities, labels))


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
