"""The sizes of a model that decide its parameters and its memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Tower = Literal["qwen2_vl", "qwen2_5_vl", "qwen3_vl", "internvl", "internvl_chat"]


@dataclass(frozen=True, slots=True)
class TextShape:
    """A decoder of the Llama kind.

    Attributes:
        vocabulary: Rows of the embedding.
        hidden, intermediate: Widths of the stream and of the gated MLP.
        layers, heads, kv_heads, head_dim: Depth and attention.
        qkv_bias, o_bias: Whether these projections have one.
        qk_norm: Whether queries and keys are normalised a head.
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


@dataclass(frozen=True, slots=True)
class VisionShape:
    """A vision tower and what maps its patches to tokens.

    Attributes:
        tower: The code that it is.
        hidden, intermediate, depth, heads: As in the text.
        output: Width of a token: the text's.
        patch_inputs: Values of a patch: channels × frames × side².
        patch_bias: Whether the patch embedding has one.
        merge: Patches of a token: 4.
        positions: Learned position embeddings, that of a class token too; 0 where there are none.
        full_attention: Layers of Qwen2.5-VL that look beyond their window of 8 × 8 patches.
        deepstack: Layers after which features go to the text as well, ascending.
        qkv_bias, qk_norm, final_norm, rms: Variants of InternViT.
        tile_patches: Patches of a tile with its class token, as the run cuts it; 0 for Qwen.
    """

    tower: Tower
    hidden: int
    intermediate: int
    depth: int
    heads: int
    output: int
    patch_inputs: int
    patch_bias: bool
    merge: int = 4
    positions: int = 0
    full_attention: tuple[int, ...] = ()
    deepstack: tuple[int, ...] = ()
    qkv_bias: bool = True
    qk_norm: bool = False
    final_norm: bool = False
    rms: bool = False
    tile_patches: int = 0


@dataclass(frozen=True, slots=True)
class ModelShape:
    """A vision-language model."""

    text: TextShape
    vision: VisionShape
