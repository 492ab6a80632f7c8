"""From pixels to vision tokens."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from msgspec import Struct

from vlft.estimate.memory import ops
from vlft.estimate.memory.modules import Net, Spans, Stream, attend
from vlft.estimate.memory.tape import Tape, Tensor

if TYPE_CHECKING:
    from vlft.estimate.memory.step_spec import RunShape
    from vlft.models.architecture import ModelShape

    Rope = tuple[Tensor, Tensor]

_WINDOW = 8
"""Patches of a side of Qwen2.5-VL's windows: 112 pixels."""


class Seen(Struct, frozen=True):
    """What a tower returns; transformers keeps all of it to the end of the model's forward.

    Attributes:
        patches: Its last hidden state.
        tokens: Merged and as wide as the text.
        features: Those of deepstack.
    """

    patches: Tensor
    tokens: Tensor
    features: tuple[Tensor, ...] = ()


class Tower:
    """The vision tower of a run, and the aligner that makes tokens of its patches."""

    def __init__(self, tape: Tape, model: ModelShape, run: RunShape) -> None:
        self._tape = tape
        self._shape = model.vision
        self._net = Net(tape, run, run.freeze_vit, model.liger.vision)
        self._aligner = Net(tape, run, run.freeze_aligner)

    def forward(self, patches: int) -> Seen:
        """Vision tokens, and the features of deepstack.

        ms-swift runs what has no gradients without: Qwen's mergers are inside the tower, InternVL's
        projector is not.

        Args:
            patches: Of all pictures; for InternVL with a class token a tile.
        """
        tape, shape = self._tape, self._shape
        if not shape.tile_patches:
            trains = not (self._net.frozen and self._aligner.frozen)
            with tape.charging("vision", grad=trains):
                return self._over_patches(patches)
        with tape.charging("vision", grad=not self._net.frozen):
            hidden = self._over_tiles(patches)
        with tape.charging("vision"):
            kept = (patches - patches // shape.tile_patches) * shape.hidden
            return Seen(hidden, self._projector(_shuffled(tape, hidden, kept)))

    def _embedded(self, pixels: Tensor) -> Tensor:
        """Patches, made to ask for a gradient by any checkpointing (enable_input_require_grads)."""
        run, shape = self._net.run, self._shape
        ins, width = shape.patch_inputs, shape.hidden
        hidden = self._net.patch_embedding(pixels, ins, width, bias=shape.patch_bias)
        if shape.input_hook and (run.gradient_checkpointing or run.vit_gradient_checkpointing):
            self._tape.wants_grad(hidden)
        return hidden

    def _over_patches(self, patches: int) -> Seen:
        net, shape, tape = self._net, self._shape, self._tape
        pixels = tape.new(patches * shape.patch_inputs, 2)
        positions = tape.new(patches * 2, 8)
        hidden = self._embedded(pixels)
        window = None
        if shape.windowed:
            window = tape.new(patches // shape.merge, 8)
            hidden = ops.gather(tape, hidden, hidden.count)
        if shape.positions:
            hidden = self._with_positions(hidden, patches)
        rope = self._rope_tables(patches, positions)
        if window is not None:
            rope = ops.like(tape, rope[0]), ops.like(tape, rope[1])
        stream = Stream(tape, hidden, net.run.vit_gradient_checkpointing)
        del hidden
        features: list[Tensor] = []
        start = 0
        for stop, spans in self._equal_layers():
            stream.layers(partial(self._patch_block, rope, spans), stop - start)
            if len(features) < len(shape.deepstack):
                features.append(self._merger(stream.x, after=True))
            start = stop
        tokens = self._merger(stream.x)
        if window is not None:
            order = tape.new(window.count, 8)
            tokens = ops.gather(tape, tokens, tokens.count)
            del order
        return Seen(stream.x, tokens, tuple(features))

    def _equal_layers(self) -> list[tuple[int, Spans]]:
        """Where runs of equal layers end: before and after deepstack's, and full attention's."""
        run, shape = self._net.run, self._shape
        everywhere = _spans(run, together=False)
        ends = {*(index + 1 for index in shape.deepstack), shape.depth}
        full = shape.full_attention
        if run.attention != "eager" or not full:
            return [(end, everywhere) for end in sorted(ends)]
        ends |= {*full, *(index + 1 for index in full)}
        windows = _window_spans(run)
        return [(end, everywhere if end - 1 in full else windows) for end in sorted(ends)]

    def _with_positions(self, hidden: Tensor, patches: int) -> Tensor:
        """Four learned embeddings a patch, weighted in float32 and summed."""
        tape, width = self._tape, self._shape.hidden
        indices, shares = tape.new(patches * 4, 8), tape.new(patches * 4, 4)
        table = self._net.weight(self._shape.positions * width)
        taken = ops.gather(tape, table, patches * 4 * width)
        summed = ops.reduce(tape, ops.mul(tape, taken, shares), patches * width)
        del taken, indices
        return ops.add(tape, hidden, ops.cast(tape, summed, 2))

    def _rope_tables(self, patches: int, positions: Tensor) -> Rope:
        tape, head_dim = self._tape, self._shape.hidden // self._shape.heads
        wide = tape.new(positions.count, 4)
        angles = tape.new(patches * head_dim // 2, 4)
        cos, sin = tape.new(angles.count, 4), tape.new(angles.count, 4)
        del wide
        cos, sin = tape.new(patches * head_dim, 4), tape.new(patches * head_dim, 4)
        return cos, sin

    def _over_tiles(self, patches: int) -> Tensor:
        net, shape, tape = self._net, self._shape, self._tape
        tiles = patches // shape.tile_patches
        pixels = Tensor((patches - tiles) * shape.patch_inputs, 2, None)  # bfloat16 as they come
        hidden = self._embedded(pixels)
        hidden = ops.cat(tape, Tensor(tiles * shape.hidden, 2, None), hidden)
        hidden = ops.spread_add(tape, hidden, net.weight(shape.tile_patches * shape.hidden))
        stream = Stream(tape, hidden, net.run.vit_gradient_checkpointing)
        del hidden
        spans = _spans(net.run, together=True)
        stream.layers(partial(self._tile_block, spans), shape.depth)
        if shape.final_norm:
            stream.x = net.layer_norm(stream.x, shape.hidden)
        return stream.x

    def _patch_block(self, rope: Rope, spans: Spans, x: Tensor) -> Tensor:
        """A block over patches of any image: rotary positions."""
        x = ops.add(self._tape, x, self._attention(self._norm(x), spans, rope))
        return ops.add(self._tape, x, self._mlp(self._norm(x)))

    def _tile_block(self, spans: Spans, x: Tensor) -> Tensor:
        """A block over tiles: a learned scale on both branches (InternViT)."""
        net, tape, width = self._net, self._tape, self._shape.hidden
        attention = self._attention(net.layer_norm(x, width), spans)
        hidden = ops.add(tape, ops.mul(tape, attention, net.weight(width)), x)
        output = self._mlp(net.layer_norm(hidden, width))
        return ops.add(tape, ops.mul(tape, output, net.weight(width)), hidden)

    def _merger(self, x: Tensor, *, after: bool = False) -> Tensor:
        """Norm, then two linear layers over `merge` patches at once.

        Args:
            x: Patches.
            after: Whether the norm is over the joined patches (Qwen3-VL's deepstack).
        """
        net, shape = self._aligner, self._shape
        wide = shape.hidden * shape.merge
        if shape.norm == "rms_norm":
            normed = net.rms_norm(x, shape.hidden)
        else:
            normed = net.layer_norm(x, wide if after else shape.hidden)
        inner = ops.unary(self._tape, net.linear(normed, wide, wide, bias=True), keeps_input=True)
        return net.linear(inner, wide, shape.output, bias=True)

    def _projector(self, x: Tensor) -> Tensor:
        """The aligner of a tower over tiles: its first layer narrows already."""
        net, output = self._aligner, self._shape.output
        wide = self._shape.hidden * self._shape.merge
        hidden = net.layer_norm(x, wide)
        hidden = net.linear(hidden, wide, output, bias=True)
        hidden = ops.unary(self._tape, hidden, keeps_input=True)
        return net.linear(hidden, output, output, bias=True)

    def _norm(self, x: Tensor) -> Tensor:
        if self._shape.norm == "rms_norm":
            return self._net.rms_norm(x, self._shape.hidden)
        return self._net.layer_norm(x, self._shape.hidden)

    def _mlp(self, x: Tensor) -> Tensor:
        net, width, inner = self._net, self._shape.hidden, self._shape.intermediate
        if self._shape.mlp == "gated":
            return net.gated(x, width, inner, bias=True)
        hidden = self._activated(net.linear(x, width, inner, bias=True))
        return net.linear(hidden, inner, width, bias=True)

    def _activated(self, x: Tensor) -> Tensor:
        if self._shape.mlp == "gelu":
            return ops.unary(self._tape, x, keeps_input=True)
        gate = ops.sigmoid(self._tape, ops.unary(self._tape, x))
        return ops.mul(self._tape, x, gate)

    def _attention(self, x: Tensor, spans: Spans, rope: Rope | None = None) -> Tensor:
        net, shape, width, bias = self._net, self._shape, self._shape.hidden, self._shape.qkv_bias
        if shape.joined_qkv:
            joined = net.linear(x, width, 3 * width, bias=bias)
            if rope is not None:
                joined = ops.contiguous_gradient(self._tape, joined)
            query, key, value = ops.unbound(self._tape, joined, (x.count,) * 3)
        else:
            query, key, value = (net.linear(x, width, width, bias=bias) for _ in range(3))
        if shape.qk_norm:
            query, key = net.rms_norm(query, width), net.rms_norm(key, width)
        if rope is not None:
            query, key = self._rotated(query, key, rope)
        output = attend(net, query, key, value, shape.heads, spans)
        return net.linear(output, width, width, bias=True)

    def _rotated(self, query: Tensor, key: Tensor, rope: Rope) -> Rope:
        tape, net = self._tape, self._net
        wide_query, wide_key = ops.cast(tape, query, 4), ops.cast(tape, key, 4)
        turned_query = net.rotary(wide_query, *rope)
        turned_key = net.rotary(wide_key, *rope)
        turned_query = ops.cast(tape, turned_query, 2)
        turned_key = ops.cast(tape, turned_key, 2)
        return turned_query, turned_key


def _spans(run: RunShape, *, together: bool) -> Spans:
    """Each picture attends to itself; the tiles of InternVL do so in one call."""
    pairs = sum(picture.patches**2 for picture in run.pictures)
    lengths = () if together else tuple(picture.patches for picture in run.pictures)
    return Spans(run.patches, pairs, lengths=lengths, joined=not together)


def _window_spans(run: RunShape) -> Spans:
    """Windows of 8 × 8 patches, the last of a row or column cut off."""
    pairs = sum(_squares(picture.height) * _squares(picture.width) for picture in run.pictures)
    return Spans(run.patches, pairs, joined=True)


def _squares(side: int) -> int:
    """Sum of the squared sides of the windows along one side."""
    return side // _WINDOW * _WINDOW**2 + (side % _WINDOW) ** 2


def _shuffled(tape: Tape, x: Tensor, kept: int) -> Tensor:
    """Without the class tokens, four patches side by side: two copies."""
    return ops.copied(tape, ops.copied(tape, ops.sliced(tape, x, kept)))
