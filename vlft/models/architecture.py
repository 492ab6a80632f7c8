"""The sizes of a model that decide its parameters and its memory, and how config.json says them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from msgspec import Struct
from msgspec.structs import fields

Config = Mapping[str, Any]
"""config.json, or a part of it."""

Norm = Literal["layer_norm", "rms_norm"]
Mlp = Literal["gelu", "quick_gelu", "gated"]


class TextShape(Struct, frozen=True):
    """A decoder of the Llama kind.

    Attributes:
        vocabulary: Rows of the embedding.
        hidden, intermediate: Widths of the stream and of the gated MLP.
        layers, heads, kv_heads, head_dim: Depth and attention.
        qkv_bias, o_bias: Whether these projections have one.
        qk_norm: Whether queries and keys are normalized per head.
        fused_qkv: Whether one linear layer makes all three (InternLM2).
        tied: Whether the head is the embedding.
        experts, experts_per_token, expert_width: Mixture of experts; 0 without.
        dense_layers: Layers with an ordinary MLP among those with experts.
    """

    vocabulary: int
    hidden: int
    intermediate: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    qkv_bias: bool
    o_bias: bool = False
    qk_norm: bool = False
    fused_qkv: bool = False
    tied: bool = False
    experts: int = 0
    experts_per_token: int = 0
    expert_width: int = 0
    dense_layers: int = 0


class VisionShape(Struct, frozen=True):
    """A vision tower and the aligner that maps its patches to tokens.

    There are two kinds. With `tile_patches` it is a ViT over tiles (class token, layer scale, an
    aligner outside the tower); without, it is a ViT over patches of any image (rotary positions,
    a merger inside the tower).

    Attributes:
        hidden, intermediate, depth, heads: As in the text.
        output: Width of a token: the text's.
        patch_inputs: Values of a patch: channels × frames × side².
        patch_bias: Whether the patch embedding has one.
        norm: Norms of the blocks, and of the merger.
        mlp: MLP of the blocks.
        joined_qkv, qkv_bias, qk_norm: One linear layer for queries, keys and values; its bias;
            norms of queries and keys.
        final_norm: Whether a norm follows the last block.
        merge: Patches of a token.
        positions: Learned position embeddings, the class token's included; 0 without.
        windowed: Whether patches are sorted into windows of 8 × 8.
        full_attention: Layers that look beyond their window.
        deepstack: Layers after which features go to the text as well, ascending.
        input_hook: Whether gradient checkpointing makes the embedded patches ask for a gradient.
        tile_patches: Patches of a tile with its class token, as the run cuts it; 0 without tiles.
    """

    hidden: int
    intermediate: int
    depth: int
    heads: int
    output: int
    patch_inputs: int
    patch_bias: bool
    norm: Norm = "layer_norm"
    mlp: Mlp = "gelu"
    joined_qkv: bool = True
    qkv_bias: bool = True
    qk_norm: bool = False
    final_norm: bool = False
    merge: int = 4
    positions: int = 0
    windowed: bool = False
    full_attention: tuple[int, ...] = ()
    deepstack: tuple[int, ...] = ()
    input_hook: bool = True
    tile_patches: int = 0


Fused = Literal["rms_norm", "layer_norm", "gate", "rope", "loss"]
"""Operators that Liger has kernels for."""


class LigerKernels(NamedTuple):
    """What `use_liger_kernel` replaces, by liger-kernel 0.8.

    Attributes:
        text: Operators of the language model.
        vision: Operators of the tower's blocks; what merges patches keeps its own.
        keeps_few_logits: Whether its forward has the argument logits_to_keep, which ms-swift
            looks for.
    """

    text: frozenset[Fused] = frozenset()
    vision: frozenset[Fused] = frozenset()
    keeps_few_logits: bool = False


NO_KERNELS = LigerKernels()

_NAMES = frozenset({"norm", "mlp"})
_POSITIVE = frozenset(
    {"vocabulary", "hidden", "intermediate", "layers", "heads", "kv_heads", "head_dim", "depth"}
    | {"output", "patch_inputs", "merge"}
)
_MOST = {"layers": 4096, "depth": 4096, "heads": 2**16, "experts": 2**16}
"""Of a size; the largest vocabularies have under a million rows."""


class ModelShape(Struct, frozen=True):
    """A vision-language model."""

    text: TextShape
    vision: VisionShape
    liger: LigerKernels = NO_KERNELS

    @property
    def is_plausible(self) -> bool:
        """Whether every size is a whole number that a model can have."""
        text = self.text
        sizes_are = all(
            _is_plausible(one.name, getattr(part, one.name))
            for part in (text, self.vision)
            for one in fields(part)
        )
        if not sizes_are or not text.experts:
            return sizes_are
        return 0 < text.experts_per_token <= text.experts and text.expert_width > 0


def _is_plausible(name: str, value: object) -> bool:
    if name in _NAMES or isinstance(value, tuple):
        return all(isinstance(one, int) for one in value) if isinstance(value, tuple) else True
    least = 1 if name in _POSITIVE else 0
    return isinstance(value, int) and least <= value <= _MOST.get(name, 2**24)


def part_of(config: Config, name: str) -> Config:
    """A part of config.json.

    Raises:
        KeyError: If it is missing.
        TypeError: If it is not an object.
    """
    part = config[name]
    if not isinstance(part, Mapping):
        raise TypeError(name)
    return part


def read_decoder(
    text: Config, *, tied: bool, qkv_bias: bool, qk_norm: bool = False, fused_qkv: bool = False
) -> TextShape:
    """The decoder that a text config describes; the arguments are what it does not say.

    Raises:
        KeyError, TypeError, ValueError, ZeroDivisionError: If a size is missing or is no number.
    """
    heads = text["num_attention_heads"]
    experts = text.get("num_experts", 0) or 0
    return TextShape(
        vocabulary=text["vocab_size"],
        hidden=text["hidden_size"],
        intermediate=text["intermediate_size"],
        layers=text["num_hidden_layers"],
        heads=heads,
        kv_heads=text.get("num_key_value_heads") or heads,
        head_dim=text.get("head_dim") or text["hidden_size"] // heads,
        qkv_bias=qkv_bias or (qk_norm and bool(text.get("attention_bias"))),
        o_bias=qk_norm and bool(text.get("attention_bias")),
        qk_norm=qk_norm,
        fused_qkv=fused_qkv,
        tied=tied,
        experts=experts,
        experts_per_token=text.get("num_experts_per_tok", 0) if experts else 0,
        expert_width=text.get("moe_intermediate_size", 0) if experts else 0,
        dense_layers=_dense_layers(text) if experts else 0,
    )


def is_tied(config: Config, text: Config) -> bool:
    """Whether the head is the embedding: the outer value counts; False where neither says so."""
    return bool(config.get("tie_word_embeddings", text.get("tie_word_embeddings", False)))


def _dense_layers(text: Config) -> int:
    """Layers with an ordinary MLP (Qwen3VLMoeTextDecoderLayer)."""
    layers, step = text["num_hidden_layers"], text.get("decoder_sparse_step", 1)
    only = [index for index in set(text.get("mlp_only_layers") or ()) if 0 <= index < layers]
    dense: int = layers - layers // step + sum((index + 1) % step == 0 for index in only)
    return dense
