"""Parameters of a model, exactly, by the part that ms-swift's freeze flags name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vlft.models.architecture import ModelShape, TextShape, VisionShape


@dataclass(frozen=True, slots=True)
class Linear:
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


@dataclass(frozen=True, slots=True)
class PartCounts:
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


@dataclass(frozen=True, slots=True)
class Counts:
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
