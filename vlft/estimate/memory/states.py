"""Weights, gradients and optimizer states: what one GPU holds of them between steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vlft.estimate.memory.parameters import Counts, PartCounts
    from vlft.estimate.memory.step_spec import RunShape

_MOMENTS = {"adamw": 2.0, "adamw_8bit": 2.0, "sgd": 0.0}
_STEP = 512
"""The step counter of a tensor: a float32 in a block of its own."""


@dataclass(frozen=True, slots=True)
class States:
    """Model states of one GPU, in bytes.

    Attributes:
        parameters, trainable: Numbers, not bytes, on all GPUs together.
        weights, adapters: As they lie between steps.
        gradients: Those that are there before the backward.
        optimizer: Moments, and float32 masters under DeepSpeed.
        buffers: Buckets, gathered parameters.
        step_workspace: What the optimizer's step takes for itself.
        keeps_gradients: Whether the backward leaves new gradients behind.
    """

    parameters: int
    trainable: int
    weights: int
    adapters: int
    gradients: int
    optimizer: int
    buffers: int
    step_workspace: int
    keeps_gradients: bool


@dataclass(frozen=True, slots=True)
class Plain:
    """Model states of one GPU that holds everything.

    Attributes:
        parameters, trainable: Numbers.
        hidden: Width of the language model.
        layer_bytes, table_bytes: Of one decoder layer, of the embedding.
        weights, adapters, gradients, moments: Bytes.
        tensors: Trainable ones.
    """

    parameters: int
    trainable: int
    hidden: int
    layer_bytes: int
    table_bytes: int
    weights: int
    adapters: int
    gradients: int
    moments: int
    tensors: int


def plain_states(counts: Counts, run: RunShape) -> Plain:
    """Everything, before it is shared."""
    parts = (
        (counts.llm, run.freeze_llm),
        (counts.vit, run.freeze_vit),
        (counts.aligner, run.freeze_aligner),
    )
    open_parts = [part for part, frozen in parts if not frozen]
    adapters = sum(p.adapter(run.rank, dora=run.dora) for p in open_parts) if run.lora else 0
    trainable = adapters if run.lora else sum(part.parameters for part in open_parts)
    width = run.adapter_width if run.lora else 2
    tensors = sum(
        part.adapter_tensors(dora=run.dora) if run.lora else part.tensors for part in open_parts
    )
    state_width = 1 if run.optimizer == "adamw_8bit" else width
    return Plain(
        parameters=counts.parameters + adapters,
        trainable=trainable,
        hidden=counts.hidden,
        layer_bytes=2 * counts.layer,
        table_bytes=2 * counts.table,
        weights=weight_bytes(counts, run.quant_bits),
        adapters=adapters * width if run.lora else 0,
        gradients=trainable * width,
        moments=int(_MOMENTS[run.optimizer] * trainable * state_width) + tensors * _STEP,
        tensors=tensors,
    )


def weight_bytes(counts: Counts, quant_bits: int | None) -> int:
    """Bytes of the base model: bfloat16, the language model's linear layers by bitsandbytes."""
    total = 2 * counts.parameters
    if quant_bits is None:
        return total
    return total + sum(_quantized(counts.llm, quant_bits))


def _quantized(part: PartCounts, bits: int) -> list[int]:
    """Bytes that quantisation adds to each kind of layer: negative."""
    changes = []
    for layer in part.linears:
        size = layer.ins * layer.outs
        if bits == 4:  # noqa: PLR2004
            blocks = -(-size // 64)
            nested = -(-blocks // 256)
            each = size // 2 + blocks + 4 * nested + 256 * 4 + 2 * 512
        else:
            each = size + 4 * layer.outs
        changes.append(layer.times * (each - 2 * size))
    return changes
