"""One training step on the tape."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlft.estimate.memory import ops
from vlft.estimate.memory.attention import Spans
from vlft.estimate.memory.language_model import (
    add_feature,
    decoder_layer,
    head_and_loss,
    rope_tables,
)
from vlft.estimate.memory.layer_stack import Stream
from vlft.estimate.memory.modules import Adapter, Net
from vlft.estimate.memory.towers import Tower, run_tower

if TYPE_CHECKING:
    from vlft.estimate.memory.step_spec import RunShape
    from vlft.estimate.memory.tape import Tape, Tensor
    from vlft.models.architecture import Fused, ModelShape

_NO_KERNELS: frozenset[Fused] = frozenset()
_WINDOW = 8
"""Patches of a side of Qwen2.5-VL's windows: 112 pixels."""


def kept_logits(run: RunShape) -> int:
    """Tokens whose logits are computed; under sequence parallelism a GPU's share of all."""
    if run.logits is None or run.sequence_parallel > 1:
        return run.rows * run.tokens // run.sequence_parallel
    return run.logits


def text_spans(net: Net, run: RunShape) -> Spans:
    """Rows attend to themselves; eager always adds a mask, sdpa where rows are padded.

    Under sequence parallelism a GPU has all tokens of some heads: as much as some of all.
    """
    tokens = run.rows * run.tokens // run.sequence_parallel
    pairs = run.rows * run.tokens**2 // run.sequence_parallel
    mask = None
    if net.attention == "eager":
        mask = net.tape.new(pairs if run.padded else run.tokens**2, 2)
    elif net.attention == "sdpa" and run.padded:
        mask = net.tape.new(pairs, 1)
    return Spans(tokens, pairs, mask)


def vision_spans(run: RunShape, *, together: bool) -> Spans:
    """Each picture attends to itself; the tiles of InternVL do so in one call."""
    pairs = sum(picture.patches**2 for picture in run.pictures)
    lengths = () if together else tuple(picture.patches for picture in run.pictures)
    return Spans(run.patches, pairs, lengths=lengths, joined=not together)


def window_spans(run: RunShape) -> Spans:
    """Windows of 8 × 8 patches, the last of a row or column cut off."""
    pairs = sum(_squares(picture.height) * _squares(picture.width) for picture in run.pictures)
    return Spans(run.patches, pairs, joined=True)


def _squares(side: int) -> int:
    """Sum of the squared sides of the windows along one side."""
    return side // _WINDOW * _WINDOW**2 + (side % _WINDOW) ** 2


def replay(tape: Tape, model: ModelShape, run: RunShape, *, keeps_gradients: bool) -> None:
    """Forward and backward of a step.

    Args:
        tape: Where memory is counted; holds what is there before.
        model: The model.
        run: The step.
        keeps_gradients: Whether gradients stay on the tape when their layer is done.
    """
    tape.has_gradients = not keeps_gradients
    loss = _forward(_net(tape, run, model.liger.text, frozen=run.freeze_llm, text=True), model, run)
    tape.casts.clear()
    tape.backward(loss)


def _net(
    tape: Tape, run: RunShape, fused: frozenset[Fused], *, frozen: bool, text: bool = False
) -> Net:
    adapter = None
    if run.lora and not frozen:
        adapter = Adapter(run.rank, run.dropout, run.adapter_width, run.dora)
    trainable = not run.lora and not frozen
    bits = run.quant_bits if text else None
    kernels = fused if run.liger else _NO_KERNELS
    return Net(tape, trainable, adapter, bits, run.attention, kernels, run.autocast)


def _tower(tape: Tape, model: ModelShape, run: RunShape) -> Tower:
    return Tower(
        _net(tape, run, model.liger.vision, frozen=run.freeze_vit),
        _net(tape, run, _NO_KERNELS, frozen=run.freeze_aligner),
        model.vision,
        run.vit_gradient_checkpointing,
        run.gradient_checkpointing or run.vit_gradient_checkpointing,
        vision_spans(run, together=bool(model.vision.tile_patches)),
        window_spans(run),
    )


def _forward(net: Net, model: ModelShape, run: RunShape) -> Tensor:
    text = model.text
    table = net.weight(text.vocabulary * text.hidden)
    hidden, tokens = _model(net, model, run, table)
    head = table if text.tied else net.weight(text.vocabulary * text.hidden)
    if not model.vision.tile_patches:
        tokens = None  # InternVL's output holds them, Qwen's does not
    loss = head_and_loss(net, text, hidden, kept_logits(run), head)
    del tokens
    return loss


def _model(
    net: Net, model: ModelShape, run: RunShape, table: Tensor
) -> tuple[Tensor, Tensor | None]:
    tape, text = net.tape, model.text
    hidden = ops.gather(tape, table, run.rows * run.tokens * text.hidden)
    if run.gradient_checkpointing:
        tape.wants_grad(hidden)
    if not run.pictures:
        return _language(net, model, run, hidden, ()), None
    tower = _tower(tape, model, run)
    seen = run_tower(tower, run.patches)
    with tape.charging("vision"):
        tokens, features = seen.tokens, seen.features
        if not model.vision.tile_patches:
            tokens = ops.cat(tape, tokens)
            features = tuple(ops.cat(tape, feature) for feature in features)
    mask = tape.new(run.rows * run.tokens, 1)
    hidden = ops.scatter(tape, hidden, tokens, mask)
    hidden = _language(net, model, run, hidden, features)
    del seen, mask
    return hidden, tokens


def _language(
    net: Net, model: ModelShape, run: RunShape, x: Tensor, features: tuple[Tensor, ...]
) -> Tensor:
    text = model.text
    if run.sequence_parallel > 1:
        x = ops.sliced(net.tape, x, x.count // run.sequence_parallel)
    stream = Stream(net.tape, x, run.gradient_checkpointing)
    spans = text_spans(net, run)
    rope = rope_tables(net, x.count // text.hidden, text.head_dim)

    def layer(hidden: Tensor) -> Tensor:
        return decoder_layer(net, text, hidden, rope, spans)

    for feature in features:
        stream.layer(layer)
        stream.x = add_feature(net, stream.x, feature)
    stream.layers(layer, text.layers - len(features))
    return net.rms_norm(stream.x, text.hidden)
