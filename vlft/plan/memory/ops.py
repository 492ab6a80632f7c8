"""torch's operators by sizes: what each makes, what it keeps, and what its backward makes.

Widths are in bytes an element: 2 for bfloat16, 4 for float32, 1 for a mask.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlft.plan.memory.tape import Tensor

if TYPE_CHECKING:
    from vlft.plan.memory.tape import Storage, Tape

    Kept = tuple[Storage | None, ...]
    Grads = tuple[Tensor | None, ...]


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


def contiguous_gradient(tape: Tape, x: Tensor) -> Tensor:
    """A transposing view: nothing forward, a copy of the gradient backward."""
    output = Tensor(x.count, x.width, x.storage)
    count, width = x.count, x.width

    def backward(gradient: Tensor, _: Kept) -> Grads:
        del gradient
        return (tape.new(count, width),)

    return tape.record(output, (x,), backward)


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


def cat(tape: Tape, *pieces: Tensor) -> Tensor:
    """One tensor of several; their gradients are views of its."""
    output = tape.new(sum(piece.count for piece in pieces), pieces[0].width)
    counts = tuple(piece.count for piece in pieces)

    def backward(gradient: Tensor, _: Kept) -> Grads:
        return tuple(Tensor(count, gradient.width, gradient.storage) for count in counts)

    return tape.record(output, pieces, backward)


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


def gather(tape: Tape, x: Tensor, count: int) -> Tensor:
    """Rows of x by an index; the backward makes a whole one again."""
    output = tape.new(count, x.width)
    full, width = x.count, x.width

    def backward(gradient: Tensor, _: Kept) -> Grads:
        del gradient
        return (tape.new(full, width),)

    return tape.record(output, (x,), backward)


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


def rsqrt(tape: Tape, x: Tensor) -> Tensor:
    """rsqrt(x + eps): keeps its result."""
    output = like(tape, like(tape, x))
    count, width = x.count, x.width

    def backward(gradient: Tensor, _: Kept) -> Grads:
        del gradient
        made = [tape.new(count, width) for _step in range(3)]
        return (made[-1],)

    return tape.record(output, (x,), backward, (output,))


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


def quantized(tape: Tape, x: Tensor, weight: int, count: int, bits: int) -> Tensor:
    """bitsandbytes' matmul: the backward restores the whole weight.

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


def fused_norm(tape: Tape, x: Tensor, weight: Tensor, rows: int) -> Tensor:
    """Liger's RMSNorm: keeps x and a float32 a row; the backward writes over its gradient."""
    output = like(tape, x)
    deviation = tape.new(rows, 4)
    count = weight.count
    wanted = weight.node is not None

    def backward(gradient: Tensor, _: Kept) -> Grads:
        return gradient, tape.new(count, 2) if wanted else None

    return tape.record(output, (x, weight), backward, (x, deviation))


def sliced(tape: Tape, x: Tensor, count: int) -> Tensor:
    """A view of some rows; the backward puts them among zeros."""
    output = Tensor(count, x.width, x.storage)
    full, width = x.count, x.width

    def backward(gradient: Tensor, _: Kept) -> Grads:
        del gradient
        return (tape.new(full, width),)

    return tape.record(output, (x,), backward)


def embedding(tape: Tape, weight: Tensor, tokens: int, width: int) -> Tensor:
    """Rows of a table; the gradient is as large as the table."""
    output = tape.new(tokens * width, weight.width)
    table = weight.count, weight.width

    def backward(gradient: Tensor, _: Kept) -> Grads:
        del gradient
        return (tape.new(*table),)

    return tape.record(output, (weight,), backward)


def scaled(tape: Tape, scale: Tensor, x: Tensor) -> Tensor:
    """A learned scale a channel."""
    return mul(tape, x, scale)


def sigmoid(tape: Tape, x: Tensor) -> Tensor:
    """Keeps its result."""
    output = like(tape, x)
    count, width = x.count, x.width

    def backward(gradient: Tensor, _: Kept) -> Grads:
        del gradient
        return (tape.new(count, width),)

    return tape.record(output, (x,), backward, (output,))


def unbound(tape: Tape, x: Tensor, pieces: int) -> list[Tensor]:
    """Views of equal pieces; the backward joins their gradients."""
    count, width = x.count, x.width
    gathered: list[Tensor] = []

    def backward(gradient: Tensor, _: Kept) -> Grads:
        gathered.append(gradient)
        if len(gathered) < pieces:
            return (None,)
        joined = tape.new(count, width)
        gathered.clear()
        return (joined,)

    views = [Tensor(count // pieces, width, x.storage) for _ in range(pieces)]
    return [tape.record(view, (x,), backward) for view in views]


def copied(tape: Tape, x: Tensor) -> Tensor:
    """`contiguous()` of a permuted view: a copy both ways."""
    output = like(tape, x)
    count, width = x.count, x.width

    def backward(gradient: Tensor, _: Kept) -> Grads:
        del gradient
        return (tape.new(count, width),)

    return tape.record(output, (x,), backward)


def spread_add(tape: Tape, x: Tensor, weight: Tensor) -> Tensor:
    """Add a weight to every row of x; its gradient is summed over them."""
    output = like(tape, x)
    size = weight.count, weight.width
    wanted = weight.node is not None

    def backward(gradient: Tensor, _: Kept) -> Grads:
        return gradient, tape.new(*size) if wanted else None

    return tape.record(output, (x, weight), backward)


def patches(tape: Tape, pixels: Tensor, weights: tuple[Tensor, ...], count: int) -> Tensor:
    """The patch embedding: a gradient for each weight, none for the pixels."""
    output = tape.new(count, pixels.width)
    sizes = tuple((weight.count, weight.width) for weight in weights)

    def backward(gradient: Tensor, _: Kept) -> Grads:
        del gradient
        return tuple(tape.new(*size) for size in sizes)

    return tape.record(output, weights, backward, (pixels,))


def cloned(tape: Tape, x: Tensor) -> Tensor:
    """A copy whose gradient is passed on as it is."""
    output = like(tape, x)

    def backward(gradient: Tensor, _: Kept) -> Grads:
        return (gradient,)

    return tape.record(output, (x,), backward)


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


def softmax(tape: Tape, x: Tensor) -> Tensor:
    """Keeps its result."""
    return sigmoid(tape, x)


def fused_gate(tape: Tape, gate: Tensor, up: Tensor) -> Tensor:
    """Liger's silu(gate) * up: keeps both, and the backward writes the gradients over them."""
    output = like(tape, gate)
    count, width = gate.count, gate.width

    def backward(gradient: Tensor, kept: Kept) -> Grads:
        del gradient
        return Tensor(count, width, kept[0]), Tensor(count, width, kept[1])

    return tape.record(output, (gate, up), backward, (gate, up))


def fused_head(tape: Tape, x: Tensor, weight: Tensor, vocabulary: int) -> Tensor:
    """Liger's head and loss: logits of a chunk at a time, and the gradients in the forward."""
    rows, hidden = x.count // (weight.count // vocabulary), weight.count // vocabulary
    for_x = like(tape, x)
    for_weight = tape.new(weight.count, 2) if weight.node is not None else None
    chunk = 1 << (-(-rows // -(-vocabulary // hidden)) - 1).bit_length()
    logits = tape.new(min(chunk, rows) * vocabulary, 2, "logits")
    product = tape.new(weight.count, 2) if for_weight is not None else None
    del logits, product
    sizes = (x.count, x.width), (weight.count, 2)

    def backward(gradient: Tensor, kept: Kept) -> Grads:
        del gradient
        second = None if kept[1] is None else Tensor(*sizes[1], kept[1])
        return Tensor(*sizes[0], kept[0]), second

    return tape.record(tape.new(1, 4), (x, weight), backward, (for_x, for_weight))
