"""Tiny models with random weights: what trainer_side/tiny_model.py builds, as data.

vlft writes the specification of a family as JSON; the program in the trainer's interpreter builds
the model folder from it with transformers' own classes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

if TYPE_CHECKING:
    from collections.abc import Mapping

# The size of the published vocabularies: ms-swift and the processors use ids just below it.
VOCAB_SIZE = 151_936
FIRST_SPECIAL_ID = 151_643
QWEN2_TOKENS = (
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|object_ref_end|>",
    "<|box_start|>", "<|box_end|>", "<|quad_start|>", "<|quad_end|>", "<|vision_start|>",
    "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>", "<tool_call>",
    "</tool_call>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|fim_pad|>",
    "<|repo_name|>", "<|file_sep|>",
)  # fmt: skip
"""Special tokens of the Qwen2 tokenizer, in the order of their ids."""


class TinySize(Struct, frozen=True):
    """Widths and depths of one model size.

    Attributes:
        hidden: Width of the language model; a multiple of 64, bitsandbytes' 4-bit block.
        layers: Layers of the language model.
        vision_hidden: Width of the vision tower, a multiple of `head`.
        vision_layers: Blocks of the vision tower.
        head: Width of an attention head, in both.
        init_std: Standard deviation of the linear layers' weights. The usual 0.02 suits widths
            of thousands; at a width of 64 the signal would fade from layer to layer.
        embedding_std: The same of the word embeddings. They are the output layer as well, so
            this decides how sure a model can be: with 0.02 no logit rises above the other
            150,000, and LoRA, which leaves them as they are, could not lower the loss.
    """

    hidden: int
    layers: int
    vision_hidden: int
    vision_layers: int
    head: int = 16
    init_std: float = 0.1
    embedding_std: float = 0.5

    @property
    def heads(self) -> int:
        """Attention heads of a language-model layer."""
        return self.hidden // self.head

    @property
    def vision_heads(self) -> int:
        """Attention heads of a vision block."""
        return self.vision_hidden // self.head


SIZES = {
    "smoke": TinySize(hidden=64, layers=2, vision_hidden=32, vision_layers=2),
    "digits": TinySize(hidden=64, layers=2, vision_hidden=64, vision_layers=2),
}


class HfClass(Struct, frozen=True):
    """A class of transformers and the keyword arguments that make an object of it."""

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)


class TinyModel(Struct, frozen=True):
    """A tiny model of a family.

    Attributes:
        folder: Name of its folder: ms-swift recognizes the family by it.
        config: The model's config.
        processor: Made of the two below and the tokenizer.
        image_processor: Also written on its own, as published checkpoints have it.
        video_processor: Likewise.
        image_tag: What the chat template writes for an image.
        video_tag: What the chat template writes for a video.
        special_tokens: In the order of their ids, from FIRST_SPECIAL_ID.
        named_tokens: The tokenizer's attribute → special token.
    """

    folder: str
    config: HfClass
    processor: HfClass
    image_processor: HfClass
    video_processor: HfClass
    image_tag: str
    video_tag: str
    special_tokens: tuple[str, ...] = QWEN2_TOKENS
    named_tokens: Mapping[str, str] = field(default_factory=dict)


def tiny_text_config(size: TinySize) -> dict[str, Any]:
    """Language-model settings that all families share (grouped-query attention where it fits)."""
    third = size.head // 2 // 3
    return {
        "vocab_size": VOCAB_SIZE,
        "hidden_size": size.hidden,
        "intermediate_size": 2 * size.hidden,
        "num_hidden_layers": size.layers,
        "num_attention_heads": size.heads,
        "num_key_value_heads": max(1, size.heads // 2),
        "max_position_embeddings": 32_768,
        "initializer_range": size.init_std,
        "bos_token_id": FIRST_SPECIAL_ID,
        "eos_token_id": FIRST_SPECIAL_ID + 2,
        "pad_token_id": FIRST_SPECIAL_ID,
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": 10_000.0,
            # Half a head's width, shared among time, height and width.
            "mrope_section": [size.head // 2 - 2 * third, third, third],
        },
    }
