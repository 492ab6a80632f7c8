"""The modules that every tower is built of, as transformers and PEFT compute them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vlft.estimate.memory import ops
from vlft.estimate.memory.tape import Tensor

if TYPE_CHECKING:
    from vlft.estimate.memory.step_spec import Attention
    from vlft.estimate.memory.tape import Tape
    from vlft.models.architecture import Fused

_FOUR = 4


@dataclass(frozen=True, slots=True)
class Adapter:
    """LoRA on linear layers.

    Attributes:
        rank: Columns of A.
        dropout: Share of the input that is dropped.
        width: Bytes of a weight: 4 by PEFT's default, 2 with lora_dtype.
        dora: Whether the weight is split into direction and magnitude.
    """

    rank: int
    dropout: float
    width: int
    dora: bool = False


@dataclass(frozen=True, slots=True)
class Net:
    """What the layers of one part have in common.

    Attributes:
        tape: Where memory is counted.
        trainable: Whether weights get gradients.
        adapter: LoRA on the linear layers; None without.
        quant_bits: 4 or 8 where the linear layers are bitsandbytes'; None: bfloat16.
        attention: The kernel.
        fused: Operators that Liger's kernels stand for.
        autocast: Whether bf16 autocast is on.
    """

    tape: Tape
    trainable: bool
    adapter: Adapter | None = None
    quant_bits: int | None = None
    attention: Attention = "flash"
    fused: frozenset[Fused] = frozenset()
    autocast: bool = True

    @property
    def trains(self) -> bool:
        """Whether anything in these layers gets gradients."""
        return self.trainable or self.adapter is not None

    def weight(self, count: int) -> Tensor:
        """A bfloat16 weight of this part."""
        return self.tape.weight(count, 2, trainable=self.trainable)

    def linear(self, x: Tensor, ins: int, outs: int, *, bias: bool = False) -> Tensor:
        """nn.Linear under autocast, with its adapter."""
        result = self._base(x, ins, outs, bias=bias)
        adapter = self.adapter
        if adapter is None:
            return result
        tape, rows = self.tape, x.count // ins
        down = tape.weight(ins * adapter.rank, adapter.width, trainable=True)
        up = tape.weight(adapter.rank * outs, adapter.width, trainable=True)
        if self.quant_bits is None:
            wide = ops.cast(tape, x, adapter.width)
        else:  # peft/tuners/lora/bnb.py: leaves the input to autocast
            wide = x
            if self.quant_bits == _FOUR:  # and clones the result
                result = ops.cloned(tape, result)
        if adapter.dora:
            magnitude = tape.weight(outs, adapter.width, trainable=True)
            return dora(self, ins, wide, result, (down, up, magnitude))
        low = self.matmul(ops.dropout(tape, wide, adapter.dropout), down, rows * adapter.rank)
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
        if "rms_norm" in self.fused:
            return ops.fused_norm(tape, x, self.weight(width), rows)
        hidden = ops.cast(tape, x, 4)
        variance = ops.reduce(tape, ops.unary(tape, hidden, keeps_input=True, steps=3), rows)
        hidden = ops.mul(tape, hidden, ops.rsqrt(tape, variance))
        return ops.mul(tape, ops.cast(tape, hidden, 2), self.weight(width))

    def layer_norm(self, x: Tensor, width: int) -> Tensor:
        """nn.LayerNorm: float32 out of autocast; Liger's stays in the type of x."""
        weights = self.weight(width), self.weight(width)
        if "layer_norm" in self.fused:
            return ops.fused_layer_norm(self.tape, x, *weights, x.count // width)
        inner = 4 if self.autocast else x.width
        return ops.layer_norm(self.tape, x, *weights, x.count // width, inner)

    def patch_embedding(self, pixels: Tensor, ins: int, outs: int, *, bias: bool) -> Tensor:
        """A convolution whose windows do not overlap; its backward makes the weight's alone."""
        tensors = (self.weight(ins * outs), *((self.weight(outs),) if bias else ()))
        return ops.patches(self.tape, pixels, tensors, pixels.count // ins * outs)

    def gated(self, x: Tensor, width: int, inner: int, *, bias: bool = False) -> Tensor:
        """down(silu(gate(x)) * up(x))."""
        tape = self.tape
        if "gate" in self.fused:
            gate = self.linear(x, width, inner, bias=bias)
            product = ops.fused_gate(tape, gate, self.linear(x, width, inner, bias=bias))
            del gate
            return self.linear(product, inner, width, bias=bias)
        gate = ops.unary(tape, self.linear(x, width, inner, bias=bias), keeps_input=True)
        product = ops.mul(tape, gate, self.linear(x, width, inner, bias=bias))
        del gate
        return self.linear(product, inner, width, bias=bias)

    def rotary(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """x·cos + rotate_half(x)·sin; Liger's turns x in place, and its gradient."""
        if "rope" in self.fused:
            return x
        straight = ops.mul(self.tape, x, cos)
        return ops.add(self.tape, straight, ops.mul(self.tape, self._rotated(x), sin))

    def _rotated(self, x: Tensor) -> Tensor:
        first, second = ops.halves(self.tape, x)
        return ops.cat(self.tape, ops.unary(self.tape, second), first)


def dora(
    net: Net, ins: int, x: Tensor, result: Tensor, weights: tuple[Tensor, Tensor, Tensor]
) -> Tensor:
    """The layer's output with DoRA's part added (peft/tuners/lora/dora.py:DoraLinearLayer).

    Args:
        net: Of the layer.
        ins: Width of x.
        x: The input in the adapter's type.
        result: Of the base layer.
        weights: A, B and the magnitude.
    """
    tape, adapter = net.tape, net.adapter
    assert adapter is not None  # noqa: S101
    down, up, magnitude = weights
    rows, outs = x.count // ins, magnitude.count
    dropped = ops.dropout(tape, x, adapter.dropout)
    norm = _norm(net, ins, outs, adapter.rank)
    low = net.matmul(dropped, down, rows * adapter.rank)
    change = net.matmul(low, up, rows * outs)
    base = result
    if adapter.dropout:
        weight = Tensor(ins * outs, 2, tape.new(ins * outs, 2).storage)
        base = net.matmul(dropped, weight, rows * outs)
        del weight
    kept = ops.mul(tape, base, magnitude)
    changed = ops.unary(tape, ops.mul(tape, change, magnitude))
    total = ops.add(tape, kept, changed)
    del norm, kept, changed
    return ops.cast(tape, ops.add(tape, result, total), 2)


def _norm(net: Net, ins: int, outs: int, rank: int) -> tuple[Tensor, ...]:
    """Work for the norm of W + BA, by way of an identity matrix; lives to the layer's end."""
    tape, adapter = net.tape, net.adapter
    assert adapter is not None  # noqa: S101
    eye = tape.new(ins * ins, adapter.width)
    narrow = ops.cast(tape, eye, 2)
    low = tape.new(ins * rank, 2)
    product = tape.new(ins * outs, 2)
    del eye
    delta = ops.cast(tape, product, adapter.width)
    del product
    weight = tape.new(ins * outs, 4) if adapter.width > 2 else delta  # noqa: PLR2004
    scaled = tape.new(ins * outs, adapter.width)
    summed = tape.new(ins * outs, adapter.width)
    del scaled, summed
    return narrow, low, delta, weight
