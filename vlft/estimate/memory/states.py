"""Weights, gradients and optimizer states: what one GPU holds of them between steps.

The sizes are those that DeepSpeed 0.19, and FSDP2 as accelerate 1.15 prepares it, allocate under
ms-swift's presets (swift/config/*.json with transformers' values for "auto");
tests/real_swift/test_memory_oracle.py compares them with two real processes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

if TYPE_CHECKING:
    from vlft.estimate.memory.step_spec import RunShape
    from vlft.models.architecture import ModelShape, TextShape, VisionShape

REDUCE_BUCKET = 200_000_000
"""Elements of stage 1 and 2's reduce and allgather buckets in ms-swift's presets."""
MAX_LIVE = 1_000_000_000
"""Elements of stage 3's gathered parameters (stage3_max_live_parameters)."""
SUB_GROUP = 1_000_000_000
"""Elements that stage 3's optimizer steps at once (sub_group_size)."""

_MOMENTS = {"adamw": 2, "adamw_8bit": 2, "sgd": 0}
"""States that an optimizer keeps for each trained weight."""
_STEP = 512
"""The step counter of a tensor: a float32 in a block of its own."""


class States(Struct, frozen=True):
    """Model states of one GPU, in bytes.

    Attributes:
        weights, adapters: As they lie between steps.
        gradients: Those that are there before the backward.
        optimizer: Moments, and float32 masters under DeepSpeed.
        buffers: Buckets, gathered parameters.
        step_workspace: What the optimizer's step takes for itself.
        keeps_gradients: Whether the backward leaves new gradients behind.
    """

    weights: int
    adapters: int
    gradients: int
    optimizer: int
    buffers: int
    step_workspace: int
    keeps_gradients: bool


class Plain(Struct, frozen=True):
    """Model states of one GPU that holds everything.

    Attributes:
        parameters, trainable: Numbers.
        hidden: Width of the language model.
        layer_bytes, table_bytes: Of one decoder layer, of the embedding.
        weights, adapters, gradients, moments: Bytes.
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
    return Plain(
        parameters=counts.parameters + adapters,
        trainable=trainable,
        hidden=counts.hidden,
        layer_bytes=2 * counts.layer,
        table_bytes=2 * counts.table,
        weights=_weight_bytes(counts, run.quant_bits),
        adapters=adapters * width if run.lora else 0,
        gradients=trainable * width,
        moments=_MOMENTS[run.optimizer] * trainable * _state_width(run, width) + tensors * _STEP,
    )


def _state_width(run: RunShape, width: int) -> int:
    """Bytes of one state of a weight that is trained in `width` bytes."""
    return 1 if run.optimizer == "adamw_8bit" else width


def _weight_bytes(counts: Counts, bits: int | None) -> int:
    """Bytes of the base model: bfloat16, the language model's linear layers by bitsandbytes."""
    total = 2 * counts.parameters
    if bits is None:
        return total
    for layer in counts.llm.linears:
        size = layer.ins * layer.outs
        if bits == 4:  # noqa: PLR2004
            blocks = -(-size // 64)
            nested = -(-blocks // 256)
            each = size // 2 + blocks + 4 * nested + 256 * 4 + 2 * 512
        else:
            each = size + 4 * layer.outs
        total += layer.times * (each - 2 * size)
    return total


def states_of(plain: Plain, run: RunShape) -> States:
    """Model states of one GPU of a run."""
    if run.sharding == "none":
        return _whole(plain, run)
    if run.sharding == "fsdp2":
        return fsdp2_states(plain, run)
    return _offloaded(zero_states(plain, run), run)


def _whole(plain: Plain, run: RunShape) -> States:
    """One GPU, or DDP, whose buckets hold the gradients a second time."""
    several = run.world_size > 1
    return States(
        weights=plain.weights,
        adapters=plain.adapters,
        gradients=plain.gradients if run.accumulating else 0,
        optimizer=plain.moments,
        buffers=plain.gradients if several else 0,
        step_workspace=0,
        keeps_gradients=not run.accumulating,
    )


def zero_states(plain: Plain, run: RunShape) -> States:
    """DeepSpeed with bf16: float32 masters and moments, a share of each a GPU."""
    stage, world = int(run.sharding[-1]), run.world_size
    share = plain.trainable // (world if stage else 1)
    gathers = stage == 3  # noqa: PLR2004
    weights = plain.weights // world if gathers else plain.weights
    live = min(2 * MAX_LIVE, plain.weights) if gathers else 0
    bucket = plain.hidden**2 if gathers else min(REDUCE_BUCKET, plain.trainable)
    full_gradients = stage == 0 or (stage == 1 and run.accumulating)
    return States(
        weights=weights,
        adapters=plain.adapters // world if gathers else plain.adapters,
        gradients=2 * (plain.trainable if full_gradients else share),
        optimizer=(4 + _MOMENTS[run.optimizer] * _state_width(run, 4)) * share,
        buffers=live + 2 * bucket,
        step_workspace=4 * min(share, SUB_GROUP) - live,
        keeps_gradients=False,
    )


def _offloaded(states: States, run: RunShape) -> States:
    """Optimizer states, and with ZeRO-3 parameters, in main memory."""
    if run.offload_optimizer:
        states = replace(states, optimizer=0, gradients=0, step_workspace=0)
    if run.offload_parameters:
        states = replace(states, weights=0, adapters=0)
    return states


def fsdp2_states(plain: Plain, run: RunShape) -> States:
    """Everything in shares; two layers gathered at once, and a layer's gradients unsharded.

    Under mixed precision accelerate makes what is trained float32 (utils/fsdp_utils.py:
    fsdp2_prepare_model), so its gradients and moments are float32 too.
    """
    world = run.world_size
    layer = plain.layer_bytes
    table = plain.table_bytes
    raised = 0 if run.lora else 2 * plain.trainable
    return States(
        weights=(plain.weights + raised) // world,
        adapters=4 * plain.trainable // world if run.lora else 0,
        gradients=4 * plain.trainable // world,
        optimizer=_MOMENTS[run.optimizer] * _state_width(run, 4) * plain.trainable // world,
        buffers=2 * layer + 2 * table,
        step_workspace=-(2 * layer + 2 * table),
        keeps_gradients=False,
    )


class Linear(Struct, frozen=True):
    """Linear layers of one size, which `--target_modules all-linear` gives adapters.

    Attributes:
        ins, outs: Sizes.
        bias: Whether it has one.
        times: How many there are.
    """

    ins: int
    outs: int
    bias: bool
    times: int = 1

    @property
    def parameters(self) -> int:
        """Of all of them."""
        return self.times * self.outs * (self.ins + self.bias)


class PartCounts(Struct, frozen=True):
    """Parameters of the language model, the vision tower or the aligner.

    Attributes:
        linears: Layers that adapters go to.
        other: Parameters of everything else: embeddings, head, norms, convolutions, experts.
        other_tensors: How many tensors those are.
    """

    linears: tuple[Linear, ...]
    other: int
    other_tensors: int

    @property
    def parameters(self) -> int:
        """All."""
        return self.other + sum(linear.parameters for linear in self.linears)

    @property
    def tensors(self) -> int:
        """All."""
        return self.other_tensors + sum(x.times * (1 + x.bias) for x in self.linears)

    def adapter(self, rank: int, *, dora: bool) -> int:
        """Parameters of LoRA on every linear layer."""
        return sum(x.times * (rank * (x.ins + x.outs) + dora * x.outs) for x in self.linears)

    def adapter_tensors(self, *, dora: bool) -> int:
        """How many tensors those are."""
        return sum(x.times * (2 + dora) for x in self.linears)


class Counts(Struct, frozen=True):
    """Parameters of a model by part.

    Attributes:
        llm, vit, aligner: The parts.
        hidden: Width of the language model.
        table: Parameters of its embedding.
        layer: Parameters of one of its layers.
    """

    llm: PartCounts
    vit: PartCounts
    aligner: PartCounts
    hidden: int
    table: int
    layer: int

    @property
    def parameters(self) -> int:
        """All, tied embeddings once."""
        return self.llm.parameters + self.vit.parameters + self.aligner.parameters


def count(model: ModelShape) -> Counts:
    """Parameters of a model."""
    text = model.text
    llm, table = _text(text), text.vocabulary * text.hidden
    inner = llm.parameters - (1 if text.tied else 2) * table - text.hidden
    return Counts(
        llm,
        _vision(model.vision),
        _aligner(model.vision),
        text.hidden,
        table,
        inner // text.layers,
    )


def _text(shape: TextShape) -> PartCounts:
    width, layers = shape.hidden, shape.layers
    wide, narrow = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    sparse = layers - shape.dense_layers if shape.experts else 0
    if shape.fused_qkv:
        attention: tuple[Linear, ...] = (Linear(width, wide + 2 * narrow, shape.qkv_bias, layers),)
    else:
        attention = (
            Linear(width, wide, shape.qkv_bias, layers),
            Linear(width, narrow, shape.qkv_bias, 2 * layers),
        )
    linears = (
        *attention,
        Linear(wide, width, shape.o_bias, layers),
        Linear(width, shape.intermediate, bias=False, times=2 * (layers - sparse)),
        Linear(shape.intermediate, width, bias=False, times=layers - sparse),
    )
    tables = 1 if shape.tied else 2
    norms = 2 * layers + 1
    other = tables * shape.vocabulary * width + norms * width
    experts = shape.experts * (width + 3 * width * shape.expert_width)
    heads = 2 * layers if shape.qk_norm else 0
    return PartCounts(
        linears,
        other + sparse * experts + heads * shape.head_dim,
        tables + norms + heads + 3 * sparse,
    )


def _vision(shape: VisionShape) -> PartCounts:
    width, depth, tiled = shape.hidden, shape.depth, bool(shape.tile_patches)
    first = 2 if shape.mlp == "gated" else 1
    linears = (
        Linear(width, 3 * width, shape.qkv_bias, depth)
        if shape.joined_qkv
        else Linear(width, width, shape.qkv_bias, 3 * depth),
        Linear(width, width, bias=True, times=depth),
        Linear(width, shape.intermediate, bias=True, times=first * depth),
        Linear(shape.intermediate, width, bias=True, times=depth),
    )
    # Of a block over tiles, each branch has a scale.
    norms = (2 if shape.norm == "rms_norm" else 4) + 2 * tiled + 2 * shape.qk_norm
    rows = norms * depth + 2 * shape.final_norm + tiled  # and the class token
    patch = width * (shape.patch_inputs + shape.patch_bias)
    other = patch + (shape.positions + rows) * width
    return PartCounts(linears, other, 1 + shape.patch_bias + bool(shape.positions) + rows)


def _aligner(shape: VisionShape) -> PartCounts:
    wide = shape.hidden * shape.merge
    if shape.tile_patches:
        linears = (
            Linear(wide, shape.output, bias=True),
            Linear(shape.output, shape.output, bias=True),
        )
        return PartCounts(linears, 2 * wide, 2)
    mergers = 1 + len(shape.deepstack)
    linears = (
        Linear(wide, wide, bias=True, times=mergers),
        Linear(wide, shape.output, bias=True, times=mergers),
    )
    weights = 1 if shape.norm == "rms_norm" else 2  # of a norm
    other = weights * shape.hidden + len(shape.deepstack) * 2 * wide
    return PartCounts(linears, other, weights * mergers)
