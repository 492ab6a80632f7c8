"""From pixels to vision tokens."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from vlft.estimate.memory import ops
from vlft.estimate.memory.attention import attend
from vlft.estimate.memory.layer_stack import Stream
from vlft.estimate.memory.tape import Tensor

if TYPE_CHECKING:
    from vlft.estimate.memory.attention import Spans
    from vlft.estimate.memory.modules import Net
    from vlft.estimate.memory.tape import Tape
    from vlft.models.architecture import VisionShape

    Rope = tuple[Tensor, Tensor]


@dataclass(frozen=True, slots=True)
class Tower:
    """A vision tower of a run.

    Attributes:
        net, aligner: Its layers' and its merger's.
        shape: Sizes.
        checkpointing: Whether blocks keep only their input.
        wants_grad: Whether the embedded patches are made to ask for a gradient
            (enable_input_require_grads, which any checkpointing sets; Qwen3-VL has no hook).
        spans: What attends to what.
        windowed: The same in Qwen2.5-VL's layers of windows.
    """

    net: Net
    aligner: Net
    shape: VisionShape
    checkpointing: bool
    wants_grad: bool
    spans: Spans
    windowed: Spans

    @property
    def trains(self) -> bool:
        """Whether anything in it gets gradients; else ms-swift runs it without.

        Qwen's mergers are inside the tower, InternVL's projector is not.
        """
        return self.net.trains or (self.aligner.trains and not self.shape.tile_patches)


@dataclass(frozen=True, slots=True)
class Seen:
    """What a tower returns; transformers keeps all of it to the end of the model's forward.

    Attributes:
        patches: Its last hidden state.
        tokens: Merged and as wide as the text.
        features: Those of deepstack.
    """

    patches: Tensor
    tokens: Tensor
    features: tuple[Tensor, ...] = ()


def run_tower(tower: Tower, patches: int) -> Seen:
    """Vision tokens, and the features of deepstack.

    Args:
        tower: Which.
        patches: Of all pictures; for InternVL with a class token a tile.
    """
    tape, shape = tower.net.tape, tower.shape
    if not shape.tile_patches:
        with tape.charging("vision", grad=tower.trains):
            return _patches(tower, patches)
    with tape.charging("vision", grad=tower.trains):
        hidden = _tiles(tower, patches)
    with tape.charging("vision"):
        kept = (patches - patches // shape.tile_patches) * shape.hidden
        return Seen(hidden, projector(tower.aligner, shape, _shuffled(tape, hidden, kept)))


def _patches(tower: Tower, patches: int) -> Seen:
    net, shape, tape = tower.net, tower.shape, tower.net.tape
    pixels = tape.new(patches * shape.patch_inputs, 2)
    positions = tape.new(patches * 2, 8)
    hidden = net.patch_embedding(pixels, shape.patch_inputs, shape.hidden, bias=shape.patch_bias)
    if tower.wants_grad and shape.input_hook:
        tape.wants_grad(hidden)
    window = None
    if shape.windowed:
        window = tape.new(patches // shape.merge, 8)
        hidden = ops.gather(tape, hidden, hidden.count)
    if shape.positions:
        hidden = _with_positions(net, shape, hidden, patches)
    rope = _tables(net, patches, shape.hidden // shape.heads, positions)
    if window is not None:
        rope = ops.like(tape, rope[0]), ops.like(tape, rope[1])
    stream = Stream(tape, hidden, tower.checkpointing)
    del hidden
    features: list[Tensor] = []
    start = 0
    for stop, spans in _runs(tower):
        stream.layers(partial(patch_block, net, shape, rope, spans), stop - start)
        if len(features) < len(shape.deepstack):
            features.append(merger(tower.aligner, shape, stream.x, after=True))
        start = stop
    tokens = merger(tower.aligner, shape, stream.x)
    if window is not None:
        order = tape.new(window.count, 8)
        tokens = ops.gather(tape, tokens, tokens.count)
        del order
    return Seen(stream.x, tokens, tuple(features))


def _runs(tower: Tower) -> list[tuple[int, Spans]]:
    """Where runs of equal layers end: before and after deepstack's, and full attention's."""
    shape = tower.shape
    ends = sorted({*(index + 1 for index in shape.deepstack), shape.depth})
    if tower.net.attention == "eager" and shape.full_attention:
        ends = sorted({*ends, *shape.full_attention, *(i + 1 for i in shape.full_attention)})
        return [
            (end, tower.spans if end - 1 in shape.full_attention else tower.windowed)
            for end in ends
        ]
    return [(end, tower.spans) for end in ends]


def _with_positions(net: Net, shape: VisionShape, hidden: Tensor, patches: int) -> Tensor:
    """Four learned embeddings a patch, weighted in float32 and summed."""
    tape = net.tape
    indices, shares = tape.new(patches * 4, 8), tape.new(patches * 4, 4)
    table = net.weight(shape.positions * shape.hidden)
    taken = ops.gather(tape, table, patches * 4 * shape.hidden)
    summed = ops.reduce(tape, ops.mul(tape, taken, shares), patches * shape.hidden)
    del taken, indices
    return ops.add(tape, hidden, ops.cast(tape, summed, 2))


def _tables(net: Net, patches: int, head_dim: int, positions: Tensor) -> tuple[Tensor, Tensor]:
    tape = net.tape
    wide = tape.new(positions.count, 4)
    angles = tape.new(patches * head_dim // 2, 4)
    cos, sin = tape.new(angles.count, 4), tape.new(angles.count, 4)
    del wide
    cos, sin = tape.new(patches * head_dim, 4), tape.new(patches * head_dim, 4)
    return cos, sin


def _tiles(tower: Tower, patches: int) -> Tensor:
    net, shape, tape = tower.net, tower.shape, tower.net.tape
    tiles = patches // shape.tile_patches
    pixels = Tensor((patches - tiles) * shape.patch_inputs, 2, None)  # bfloat16 as they come
    hidden = net.patch_embedding(pixels, shape.patch_inputs, shape.hidden, bias=shape.patch_bias)
    if tower.wants_grad:
        tape.wants_grad(hidden)
    hidden = ops.cat(tape, Tensor(tiles * shape.hidden, 2, None), hidden)
    hidden = ops.spread_add(tape, hidden, net.weight(shape.tile_patches * shape.hidden))
    stream = Stream(tape, hidden, tower.checkpointing)
    del hidden
    stream.layers(partial(tile_block, net, shape, tower.spans), shape.depth)
    if shape.final_norm:
        stream.x = net.layer_norm(stream.x, shape.hidden)
    return stream.x


def _shuffled(tape: Tape, x: Tensor, kept: int) -> Tensor:
    """Without the class tokens, four patches side by side: two copies."""
    return ops.copied(tape, ops.copied(tape, ops.sliced(tape, x, kept)))


def patch_block(net: Net, shape: VisionShape, rope: Rope, spans: Spans, x: Tensor) -> Tensor:
    """A block over patches of any image: rotary positions."""
    x = ops.add(net.tape, x, _attention(net, shape, _norm(net, shape, x), spans, rope))
    return ops.add(net.tape, x, _mlp(net, shape, _norm(net, shape, x)))


def tile_block(net: Net, shape: VisionShape, spans: Spans, x: Tensor) -> Tensor:
    """A block over tiles: a learned scale on both branches (InternViT)."""
    tape, width = net.tape, shape.hidden
    attention = _attention(net, shape, net.layer_norm(x, width), spans)
    hidden = ops.add(tape, ops.mul(tape, attention, net.weight(width)), x)
    output = _mlp(net, shape, net.layer_norm(hidden, width))
    return ops.add(tape, ops.mul(tape, output, net.weight(width)), hidden)


def merger(net: Net, shape: VisionShape, x: Tensor, *, after: bool = False) -> Tensor:
    """Norm, then two linear layers over `merge` patches at once.

    Args:
        net: The aligner's.
        shape: The tower.
        x: Patches.
        after: Whether the norm is over the joined patches (Qwen3-VL's deepstack).
    """
    wide = shape.hidden * shape.merge
    if shape.norm == "rms_norm":
        normed = net.rms_norm(x, shape.hidden)
    else:
        normed = net.layer_norm(x, wide if after else shape.hidden)
    inner = ops.unary(net.tape, net.linear(normed, wide, wide, bias=True), keeps_input=True)
    return net.linear(inner, wide, shape.output, bias=True)


def projector(net: Net, shape: VisionShape, x: Tensor) -> Tensor:
    """The aligner of a tower over tiles: its first layer narrows already."""
    wide = shape.hidden * shape.merge
    hidden = net.layer_norm(x, wide)
    hidden = net.linear(hidden, wide, shape.output, bias=True)
    hidden = ops.unary(net.tape, hidden, keeps_input=True)
    return net.linear(hidden, shape.output, shape.output, bias=True)


def _norm(net: Net, shape: VisionShape, x: Tensor) -> Tensor:
    if shape.norm == "rms_norm":
        return net.rms_norm(x, shape.hidden)
    return net.layer_norm(x, shape.hidden)


def _mlp(net: Net, shape: VisionShape, x: Tensor) -> Tensor:
    if shape.mlp == "gated":
        return net.gated(x, shape.hidden, shape.intermediate, bias=True)
    if shape.mlp == "quick_gelu":
        inner = _quick_gelu(net, net.linear(x, shape.hidden, shape.intermediate, bias=True))
    else:
        inner = ops.unary(
            net.tape, net.linear(x, shape.hidden, shape.intermediate, bias=True), keeps_input=True
        )
    return net.linear(inner, shape.intermediate, shape.hidden, bias=True)


def _quick_gelu(net: Net, x: Tensor) -> Tensor:
    gate = ops.sigmoid(net.tape, ops.unary(net.tape, x))
    return ops.mul(net.tape, x, gate)


def _attention(
    net: Net, shape: VisionShape, x: Tensor, spans: Spans, rope: Rope | None = None
) -> Tensor:
    width, bias = shape.hidden, shape.qkv_bias
    if shape.joined_qkv:
        joined = net.linear(x, width, 3 * width, bias=bias)
        if rope is not None:
            joined = ops.contiguous_gradient(net.tape, joined)
        query, key, value = ops.unbound(net.tape, joined, (x.count,) * 3)
    else:
        query, key, value = (net.linear(x, width, width, bias=bias) for _ in range(3))
    if shape.qk_norm:
        query, key = net.rms_norm(query, width), net.rms_norm(key, width)
    if rope is not None:
        query, key = _rotate(net, query, key, rope)
    output = attend(net, query, key, value, shape.heads, spans)
    return net.linear(output, width, width, bias=True)


def _rotate(net: Net, query: Tensor, key: Tensor, rope: Rope) -> Rope:
    wide_query, wide_key = ops.cast(net.tape, query, 4), ops.cast(net.tape, key, 4)
    turned_query = net.rotary(wide_query, *rope)
    turned_key = net.rotary(wide_key, *rope)
    turned_query = ops.cast(net.tape, turned_query, 2)
    turned_key = ops.cast(net.tape, turned_key, 2)
    return turned_query, turned_key
