"""The modules that every tower is built of, as transformers and PEFT compute them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from vlft.estimate.memory import ops
from vlft.estimate.memory.tape import PARTS, Grads, Kept, Part, Storage, Tape, Tensor

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from vlft.estimate.memory.step_spec import RunShape
    from vlft.models.architecture import Fused

    Block = Callable[[Tensor], Tensor]

_FOUR = 4


class Net(Struct, frozen=True):
    """What the layers of one part have in common.

    Attributes:
        tape: Where memory is counted.
        run: The step.
        frozen: Whether the part is left as it is: neither weights nor adapters get gradients.
        kernels: Operators that Liger has kernels for.
        quant_bits: 4 or 8 where the linear layers are bitsandbytes'; None: bfloat16.
    """

    tape: Tape
    run: RunShape
    frozen: bool
    kernels: frozenset[Fused] = frozenset()
    quant_bits: int | None = None

    def fuses(self, operator: Fused) -> bool:
        """Whether Liger's kernel stands for an operator."""
        return self.run.liger and operator in self.kernels

    def weight(self, count: int) -> Tensor:
        """A bfloat16 weight of this part."""
        return self.tape.weight(count, 2, trainable=not (self.run.lora or self.frozen))

    def linear(self, x: Tensor, ins: int, outs: int, *, bias: bool = False) -> Tensor:
        """nn.Linear under autocast, with its adapter."""
        result = self._base(x, ins, outs, bias=bias)
        tape, run = self.tape, self.run
        if self.frozen or not run.lora:
            return result
        rows, width = x.count // ins, run.adapter_width
        down = tape.weight(ins * run.rank, width, trainable=True)
        up = tape.weight(run.rank * outs, width, trainable=True)
        if self.quant_bits is None:
            wide = ops.cast(tape, x, width)
        else:  # peft/tuners/lora/bnb.py: leaves the input to autocast
            wide = x
            if self.quant_bits == _FOUR:  # and clones the result
                result = ops.cloned(tape, result)
        if run.dora:
            magnitude = tape.weight(outs, width, trainable=True)
            return self._dora(ins, wide, result, (down, up, magnitude))
        low = self.matmul(ops.dropout(tape, wide, run.dropout), down, rows * run.rank)
        return ops.add(tape, result, ops.unary(tape, self.matmul(low, up, rows * outs)))

    def _base(self, x: Tensor, ins: int, outs: int, *, bias: bool) -> Tensor:
        count = x.count // ins * outs
        if self.quant_bits is not None:
            narrow = ops.cast(self.tape, x, 2)
            return ops.quantized(self.tape, narrow, ins * outs, count, self.quant_bits)
        weight = self.weight(ins * outs)
        return self.matmul(x, weight, count, self.weight(outs) if bias else None)

    def matmul(self, x: Tensor, weight: Tensor, count: int, bias: Tensor | None = None) -> Tensor:
        """F.linear: autocast narrows both, the weight first."""
        narrow_weight = ops.cast(self.tape, weight, 2)
        narrow = ops.cast(self.tape, x, 2)
        return ops.matmul(self.tape, narrow, narrow_weight, bias, count)

    def rms_norm(self, x: Tensor, width: int) -> Tensor:
        """RMSNorm of transformers, operator by operator; Liger's keeps x and a float32 a row."""
        tape, rows = self.tape, x.count // width
        if self.fuses("rms_norm"):
            return ops.fused_norm(tape, x, self.weight(width), rows)
        hidden = ops.cast(tape, x, 4)
        variance = ops.reduce(tape, ops.unary(tape, hidden, keeps_input=True, steps=3), rows)
        hidden = ops.mul(tape, hidden, ops.rsqrt(tape, variance))
        return ops.mul(tape, ops.cast(tape, hidden, 2), self.weight(width))

    def layer_norm(self, x: Tensor, width: int) -> Tensor:
        """nn.LayerNorm: float32 out of autocast; Liger's stays in the type of x."""
        weights = self.weight(width), self.weight(width)
        if self.fuses("layer_norm"):
            return ops.fused_layer_norm(self.tape, x, *weights, x.count // width)
        inner = 4 if self.run.autocast else x.width
        return ops.layer_norm(self.tape, x, *weights, x.count // width, inner)

    def patch_embedding(self, pixels: Tensor, ins: int, outs: int, *, bias: bool) -> Tensor:
        """A convolution whose windows do not overlap; its backward makes the weight's alone."""
        tensors = (self.weight(ins * outs), *((self.weight(outs),) if bias else ()))
        return ops.patches(self.tape, pixels, tensors, pixels.count // ins * outs)

    def gated(self, x: Tensor, width: int, inner: int, *, bias: bool = False) -> Tensor:
        """down(silu(gate(x)) * up(x))."""
        tape = self.tape
        if self.fuses("gate"):
            gate = self.linear(x, width, inner, bias=bias)
            product = ops.fused_gate(tape, gate, self.linear(x, width, inner, bias=bias))
        else:
            gate = ops.unary(tape, self.linear(x, width, inner, bias=bias), keeps_input=True)
            product = ops.mul(tape, gate, self.linear(x, width, inner, bias=bias))
        del gate
        return self.linear(product, inner, width, bias=bias)

    def rotary(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """x·cos + rotate_half(x)·sin; Liger's turns x in place, and its gradient."""
        if self.fuses("rope"):
            return x
        straight = ops.mul(self.tape, x, cos)
        return ops.add(self.tape, straight, ops.mul(self.tape, self._rotated(x), sin))

    def _rotated(self, x: Tensor) -> Tensor:
        first, second = ops.halves(self.tape, x)
        return ops.cat(self.tape, ops.unary(self.tape, second), first)

    def _dora(
        self, ins: int, x: Tensor, result: Tensor, weights: tuple[Tensor, Tensor, Tensor]
    ) -> Tensor:
        """The layer's output with DoRA's part added (peft/tuners/lora/dora.py:DoraLinearLayer).

        Args:
            ins: Width of x.
            x: The input in the adapter's type.
            result: Of the base layer.
            weights: A, B and the magnitude.
        """
        tape, run = self.tape, self.run
        down, up, magnitude = weights
        rows, outs = x.count // ins, magnitude.count
        dropped = ops.dropout(tape, x, run.dropout)
        norm = self._norm(ins, outs)
        low = self.matmul(dropped, down, rows * run.rank)
        change = self.matmul(low, up, rows * outs)
        base = result
        if run.dropout:
            weight = Tensor(ins * outs, 2, tape.new(ins * outs, 2).storage)
            base = self.matmul(dropped, weight, rows * outs)
            del weight
        kept = ops.mul(tape, base, magnitude)
        changed = ops.unary(tape, ops.mul(tape, change, magnitude))
        total = ops.add(tape, kept, changed)
        del norm, kept, changed
        return ops.cast(tape, ops.add(tape, result, total), 2)

    def _norm(self, ins: int, outs: int) -> tuple[Tensor, ...]:
        """Work for the norm of W + BA, by way of an identity matrix; lives to the layer's end."""
        tape, width = self.tape, self.run.adapter_width
        eye = tape.new(ins * ins, width)
        narrow = ops.cast(tape, eye, 2)
        low = tape.new(ins * self.run.rank, 2)
        product = tape.new(ins * outs, 2)
        del eye
        delta = ops.cast(tape, product, width)
        del product
        weight = tape.new(ins * outs, 4) if width > 2 else delta  # noqa: PLR2004
        scaled = tape.new(ins * outs, width)
        summed = tape.new(ins * outs, width)
        del scaled, summed
        return narrow, low, delta, weight


# Attention ---------------------------------------------------------------------------------------
class Spans(Struct, frozen=True):
    """What attends to what.

    Attributes:
        tokens: Of all sequences.
        pairs: Sum over the sequences of their length squared.
        lengths: Of the sequences, where they are taken one after the other.
        mask: A mask that is added to the scores, if there is one.
        joined: Whether the outputs of several sequences are joined by a copy.
    """

    tokens: int
    pairs: int
    mask: Tensor | None = None
    lengths: tuple[int, ...] = ()
    joined: bool = False


def attend(net: Net, query: Tensor, key: Tensor, value: Tensor, heads: int, spans: Spans) -> Tensor:
    """softmax(QKᵀ)V by the kernel that computes it, as wide as the queries.

    Args:
        net: Of the layer.
        query: Rows × tokens × heads × head_dim.
        key: As many heads or fewer.
        value: As the keys.
        heads: Of the queries.
        spans: What attends to what.
    """
    if net.run.attention != "eager":
        output = _fused(net, query, key, value, heads, spans)
        joined = spans.joined and net.run.attention == "sdpa"
        return ops.cat(net.tape, output) if joined else output
    if len(spans.lengths) <= 1:
        output = _eager(net, query, key, value, heads * spans.pairs, spans.mask)
        return ops.cat(net.tape, output) if spans.joined else output
    sizes = [query.count // spans.tokens * length for length in spans.lengths]
    queries, keys, values = (ops.unbound(net.tape, x, sizes) for x in (query, key, value))
    outputs = [
        _eager(net, queries[index], keys[index], values[index], heads * length**2, spans.mask)
        for index, length in enumerate(spans.lengths)
    ]
    return ops.cat(net.tape, *outputs)


def _fused(net: Net, query: Tensor, key: Tensor, value: Tensor, heads: int, spans: Spans) -> Tensor:
    tape, groups = net.tape, query.count // key.count
    bias = None
    if net.run.attention == "sdpa" and spans.mask is not None:
        key, value = ops.repeated(tape, key, groups), ops.repeated(tape, value, groups)
        bias = tape.new(spans.pairs, 2)
    return ops.fused_attention(tape, query, key, value, spans.tokens * heads, bias)


def _eager(
    net: Net, query: Tensor, key: Tensor, value: Tensor, scores: int, mask: Tensor | None
) -> Tensor:
    """Scores in bfloat16, their softmax in float32, and both kept."""
    tape, groups = net.tape, query.count // key.count
    keys, values = ops.repeated(tape, key, groups), ops.repeated(tape, value, groups)
    weights = ops.unary(tape, ops.bmm(tape, query, keys, scores))
    if mask is not None:
        weights = ops.cloned(tape, weights)
    weights = ops.cast(tape, ops.softmax(tape, ops.cast(tape, weights, 4)), 2)
    output = ops.bmm(tape, weights, values, query.count)
    return ops.cloned(tape, output)


# A stack of layers ------------------------------------------------------------------------------
_RUN = 3


class Stream(Struct):
    """The hidden states on their way through the layers: the only reference to them.

    Equal layers come at the price of three. What a layer leaves behind is the same for every one,
    so bytes change by equal steps along the stack, forward and backward, and the highest point lies
    in the first or the last layer. Those two and one between them are run; the others are a weight
    on the scales.

    Attributes:
        tape: Where memory is counted.
        x: The hidden states.
        checkpointing: Whether layers keep only their input.
    """

    tape: Tape
    x: Tensor
    checkpointing: bool

    def layer(self, block: Block) -> None:
        """One layer."""
        if self.checkpointing:
            self.x = self.tape.checkpoint(block, self.x)
        else:
            self.x = block(self.x)

    def layers(self, block: Block, times: int) -> None:
        """Equal layers, one after the other."""
        skipped = max(0, times - _RUN)
        if skipped:
            self.layer(block)
            self._layer_for(block, skipped)
            times = _RUN - 2
        for _ in range(times):
            self.layer(block)

    def _layer_for(self, block: Block, skipped: int) -> None:
        """One layer, and what `skipped` more like it leave."""
        tape = self.tape
        before, casts, trainable = dict(tape.live), len(tape.casts), tape.trainable_bytes
        self.layer(block)
        left = {part: skipped * (tape.live[part] - before[part]) for part in PARTS}
        if self.checkpointing:  # autocast's copies of weights live to the end of the forward
            copies = sum(cast.size for cast in tape.casts[casts:] if cast is not None)
            left[tape.part] -= skipped * copies
            tape.casts.append(Storage(tape, skipped * copies, tape.part))
        self.x = _stand_in(tape, self.x, left, skipped * (tape.trainable_bytes - trainable))


def _stand_in(tape: Tape, x: Tensor, left: Mapping[Part, int], gradients: int) -> Tensor:
    """What the layers that are not run keep, and the gradients they leave when that is freed."""
    stored = [Storage(tape, size, part) for part, size in left.items() if size > 0]
    output = Tensor(x.count, x.width, x.storage)

    def backward(gradient: Tensor, _: Kept) -> Grads:
        stored.clear()
        tape.add_gradients(gradients)
        return (gradient,)

    return tape.record(output, (x,), backward)
