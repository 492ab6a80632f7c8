"""Build a tiny, randomly initialised vision-language model folder of a real architecture.

Run by the trainer's interpreter, never imported by vlft (it needs torch and transformers):

    python tiny_model.py --family qwen2_vl --output models/Qwen2-VL-2B-Instruct --size smoke

The folder holds what ms-swift needs with no network: weights (float32), config, processor and
tokenizer. ms-swift recognises a model by the folder's name, so OUTPUT should end in the name that
belongs to the family (``FOLDER_NAMES``). One seed always gives the same weights.

Prints one line of JSON: ``{"model": folder, "family": family, "parameters": count}``; an error is
one line on stderr and exit code 1.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel, Qwen2Tokenizer

FOLDER_NAMES = {
    "qwen2_vl": "Qwen2-VL-2B-Instruct",
    "qwen2_5_vl": "Qwen2.5-VL-3B-Instruct",
    "qwen3_vl": "Qwen3-VL-2B-Instruct",
    "internvl": "InternVL3-1B-hf",
}

# The size of the published vocabularies: ms-swift and the processors use ids just below it.
VOCAB_SIZE = 151_936
FIRST_SPECIAL_ID = 151_643
QWEN_SPECIALS = (
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|object_ref_end|>",
    "<|box_start|>", "<|box_end|>", "<|quad_start|>", "<|quad_end|>", "<|vision_start|>",
    "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>", "<tool_call>",
    "</tool_call>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|fim_pad|>",
    "<|repo_name|>", "<|file_sep|>",
)  # fmt: skip
QWEN3_SPECIALS = ("<tool_response>", "</tool_response>", "<think>", "</think>")
INTERNVL_SPECIALS = (
    "<img>", "</img>", "<IMG_CONTEXT>", "<quad>", "</quad>", "<ref>", "</ref>", "<box>", "</box>",
    "<video>",
)  # fmt: skip

# InternVL's tile: 56 pixels a side, patches of 14, half of each side after the pixel shuffle.
TILE = 56
TILE_TOKENS = 4

# What the byte-level BPE learns its merges from; any other text falls back to shorter pieces.
CORPUS = """system user assistant You are a helpful assistant.
Which digit is this? Which digit is written here? What does the picture show? Describe the image.
Answer as JSON. {"digit": 0} The digit is 1. This is an image of a handwritten digit.
zero one two three four five six seven eight nine
How many pictures are there? the first image the second image the video a red square
"""
MERGES = 160

# ChatML. Newlines stand inside expressions, where the tags that trim white space leave them.
CHAT_TEMPLATE = (
    "{%- for message in messages %}{{ '<|im_start|>' + message.role + '\\n' }}"
    "{%- if message.content is string %}{{ message.content }}"
    "{%- else %}{%- for part in message.content %}"
    "{%- if part.type == 'image' %}{{ 'IMAGE_TAG' }}"
    "{%- elif part.type == 'video' %}{{ 'VIDEO_TAG' }}"
    "{%- else %}{{ part.text }}{%- endif %}{%- endfor %}{%- endif %}"
    "{{ '<|im_end|>\\n' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{%- endif %}"
)


@dataclass(frozen=True)
class Size:
    """Widths and depths of one model size.

    Attributes:
        hidden: Width of the language model; a multiple of 64, bitsandbytes' 4-bit block.
        layers: Layers of the language model.
        vision_hidden: Width of the vision tower, a multiple of ``head``.
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
    "smoke": Size(hidden=64, layers=2, vision_hidden=32, vision_layers=2),
    "digits": Size(hidden=64, layers=2, vision_hidden=64, vision_layers=2),
}


def special_ids(family: str) -> dict[str, int]:
    """Special tokens of a family with the ids of the published tokenizers."""
    extra = {"qwen3_vl": QWEN3_SPECIALS, "internvl": INTERNVL_SPECIALS}.get(family, ())
    return {token: FIRST_SPECIAL_ID + n for n, token in enumerate((*QWEN_SPECIALS, *extra))}


def learn_bpe() -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Vocabulary and merges of a byte-level BPE learnt from ``CORPUS``; all 256 bytes are in it."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=len(alphabet) + MERGES, initial_alphabet=alphabet, show_progress=False
    )
    bpe.train_from_iterator([CORPUS] * 2, trainer)
    learnt = json.loads(bpe.to_str())["model"]
    return learnt["vocab"], [tuple(pair) for pair in learnt["merges"]]


def build_tokenizer(family: str) -> Qwen2Tokenizer:
    """Qwen2 tokenizer of a few hundred ordinary tokens and the special ids far above them."""
    from transformers import AddedToken, Qwen2Tokenizer

    vocab, merges = learn_bpe()
    specials = special_ids(family)
    # Listed in the vocabulary as well, they keep their ids when they are added as special tokens;
    # otherwise they would be numbered on from the last ordinary token.
    options: dict[str, Any] = {}
    if family == "internvl":
        options["extra_special_tokens"] = {
            "start_image_token": "<img>",
            "end_image_token": "</img>",
            "context_image_token": "<IMG_CONTEXT>",
            "video_token": "<video>",
        }
    tokenizer = Qwen2Tokenizer(
        vocab={**vocab, **specials},
        merges=merges,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        model_max_length=32_768,
        **options,
    )
    tokenizer.add_tokens([AddedToken(token, special=True) for token in specials])
    wrong = {t: n for t, n in specials.items() if tokenizer.convert_tokens_to_ids(t) != n}
    if wrong:
        raise ValueError(f"the tokenizer gave other ids than the published ones to {sorted(wrong)}")
    return tokenizer


def text_options(size: Size) -> dict[str, Any]:
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


def build_config(family: str, size: Size) -> PreTrainedConfig:
    """Transformers config of a family at a size; embeddings are tied, as in the small models."""
    import transformers as hf

    text = text_options(size)
    wide, deep, heads = size.vision_hidden, size.vision_layers, size.vision_heads
    vision: dict[str, Any] = {"depth": deep, "num_heads": heads, "initializer_range": size.init_std}
    if family == "qwen2_vl":
        vision |= {"embed_dim": wide, "hidden_size": size.hidden, "mlp_ratio": 2}
        return hf.Qwen2VLConfig(text_config=text, vision_config=vision, tie_word_embeddings=True)
    vision |= {"hidden_size": wide, "intermediate_size": 2 * wide, "out_hidden_size": size.hidden}
    if family == "qwen2_5_vl":
        vision |= {"fullatt_block_indexes": [deep - 1]}
        return hf.Qwen2_5_VLConfig(text_config=text, vision_config=vision, tie_word_embeddings=True)
    if family == "qwen3_vl":
        vision |= {"deepstack_visual_indexes": [0], "num_position_embeddings": 64}
        text |= {"head_dim": size.head}
        text["rope_parameters"]["mrope_interleaved"] = True
        return hf.Qwen3VLConfig(text_config=text, vision_config=vision, tie_word_embeddings=True)
    text |= {"model_type": "qwen2", "rope_parameters": {"rope_type": "default", "rope_theta": 1e4}}
    tower = {
        "hidden_size": wide,
        "intermediate_size": 2 * wide,
        "num_hidden_layers": deep,
        "num_attention_heads": heads,
        "image_size": TILE,
        "initializer_range": size.init_std,
    }
    return hf.InternVLConfig(
        text_config=text,
        vision_config=tower,
        image_seq_length=TILE_TOKENS,
        tie_word_embeddings=True,
    )


def save_processor(family: str, tokenizer: Qwen2Tokenizer, output: Path) -> None:
    """Write tokenizer, image and video processor.

    The two processors are written once more by themselves: that is how published checkpoints
    have them, while transformers 5 saves all in ``processor_config.json``.
    """
    import transformers as hf

    tags = (
        "<|vision_start|><|image_pad|><|vision_end|>",
        "<|vision_start|><|video_pad|><|vision_end|>",
    )
    options: dict[str, Any] = {}
    if family == "internvl":
        tags = ("<IMG_CONTEXT>\\n", "<video>\\n")
        side = {"height": TILE, "width": TILE}
        image: Any = hf.GotOcr2ImageProcessor(size=side, crop_to_patches=True, max_patches=12)
        video: Any = hf.InternVLVideoProcessor(size=side)
        options["image_seq_length"] = TILE_TOKENS
        kind: Any = hf.InternVLProcessor
    else:
        patch = {"patch_size": 16 if family == "qwen3_vl" else 14, "merge_size": 2}
        image = hf.Qwen2VLImageProcessor(**patch)
        video_kind: Any = (
            hf.Qwen3VLVideoProcessor if family == "qwen3_vl" else hf.Qwen2VLVideoProcessor
        )
        video = video_kind(**patch)
        kind = {
            "qwen2_vl": hf.Qwen2VLProcessor,
            "qwen2_5_vl": hf.Qwen2_5_VLProcessor,
            "qwen3_vl": hf.Qwen3VLProcessor,
        }[family]
    template = CHAT_TEMPLATE.replace("IMAGE_TAG", tags[0]).replace("VIDEO_TAG", tags[1])
    processor = kind(image, tokenizer, video, chat_template=template, **options)
    processor.save_pretrained(output)
    image.save_pretrained(output)
    video.save_pretrained(output)


def build(family: str, size: Size, output: Path, seed: int) -> PreTrainedModel:
    """Write the whole model folder and return the model it holds."""
    import torch
    import transformers as hf

    torch.manual_seed(seed)
    config = build_config(family, size)
    model: PreTrainedModel = hf.AutoModelForImageTextToText.from_config(config, dtype=torch.float32)
    torch.nn.init.normal_(model.get_input_embeddings().weight, std=size.embedding_std)
    model.generation_config = hf.GenerationConfig(
        bos_token_id=FIRST_SPECIAL_ID,
        eos_token_id=[FIRST_SPECIAL_ID + 2, FIRST_SPECIAL_ID],
        pad_token_id=FIRST_SPECIAL_ID,
    )
    output.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(output)
    save_processor(family, build_tokenizer(family), output)
    return model


def main() -> int:
    """Read the command line, build the folder, print one line of JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--family", required=True, choices=sorted(FOLDER_NAMES))
    parser.add_argument("--output", required=True, type=Path, help="model folder to write")
    parser.add_argument("--size", default="smoke", choices=sorted(SIZES))
    parser.add_argument("--seed", default=0, type=int)
    args = parser.parse_args()
    output: Path = args.output.absolute()
    try:
        # What the libraries print on import must not stand before the line of JSON.
        with contextlib.redirect_stdout(sys.stderr):
            model = build(args.family, SIZES[args.size], output, args.seed)
    except (ImportError, OSError, ValueError) as error:
        print(f"tiny_model: {error}".splitlines()[0], file=sys.stderr)
        return 1
    summary = {"model": str(output), "family": args.family, "parameters": model.num_parameters()}
    print(json.dumps(summary))
    return 0


if __name__ == "__main__":
    sys.exit(main())
