"""Build a tiny, randomly initialized vision-language model folder of a real architecture.

Run by the trainer's interpreter, never imported by vlft (it needs torch and transformers):

    python tiny_model.py --output models/Qwen2-VL-2B-Instruct < spec.json

The specification on stdin is what `vlft.models.tiny_spec` makes of a family. The folder holds
what ms-swift needs with no network: weights (float32), config, processor and tokenizer. ms-swift
recognizes a model by the folder's name, so OUTPUT should end in the specification's `folder`. One
seed always gives the same weights.

Prints one line of JSON: ``{"model": folder, "family": family, "parameters": count}``; an error is
one line on stderr and exit code 1.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import PreTrainedModel, Qwen2Tokenizer

    Spec = dict[str, Any]

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


def learn_bpe() -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Vocabulary and merges of a byte-level BPE learned from ``CORPUS``; it has all 256 bytes."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=len(alphabet) + MERGES, initial_alphabet=alphabet, show_progress=False
    )
    bpe.train_from_iterator([CORPUS] * 2, trainer)
    learned = json.loads(bpe.to_str())["model"]
    return learned["vocab"], [tuple(pair) for pair in learned["merges"]]


def build_tokenizer(spec: Spec) -> Qwen2Tokenizer:
    """Qwen2 tokenizer of a few hundred ordinary tokens and the special ids far above them."""
    from transformers import AddedToken, Qwen2Tokenizer

    vocab, merges = learn_bpe()
    start = spec["first_special_id"]
    specials = {token: start + number for number, token in enumerate(spec["special_tokens"])}
    # Listed in the vocabulary as well, they keep their ids when they are added as special tokens;
    # otherwise they would be numbered on from the last ordinary token.
    options: dict[str, Any] = {}
    if spec["named_tokens"]:
        options["extra_special_tokens"] = spec["named_tokens"]
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


def make(part: dict[str, Any], *arguments: Any, **options: Any) -> Any:
    """An object of one of transformers' classes, from a part of the specification."""
    import transformers as hf

    return getattr(hf, part["name"])(*arguments, **part["options"], **options)


def save_processor(spec: Spec, tokenizer: Qwen2Tokenizer, output: Path) -> None:
    """Write tokenizer, image and video processor.

    The two processors are written once more on their own: that is how published checkpoints
    have them, while transformers 5 saves all in ``processor_config.json``.
    """
    image, video = make(spec["image_processor"]), make(spec["video_processor"])
    template = CHAT_TEMPLATE.replace("IMAGE_TAG", spec["image_tag"])
    template = template.replace("VIDEO_TAG", spec["video_tag"])
    processor = make(spec["processor"], image, tokenizer, video, chat_template=template)
    processor.save_pretrained(output)
    image.save_pretrained(output)
    video.save_pretrained(output)


def build(spec: Spec, output: Path, seed: int) -> PreTrainedModel:
    """Write the whole model folder and return the model it holds."""
    import torch
    import transformers as hf

    torch.manual_seed(seed)
    config, start = make(spec["config"]), spec["first_special_id"]
    model: PreTrainedModel = hf.AutoModelForImageTextToText.from_config(config, dtype=torch.float32)
    torch.nn.init.normal_(model.get_input_embeddings().weight, std=spec["embedding_std"])
    model.generation_config = hf.GenerationConfig(
        bos_token_id=start,
        eos_token_id=[start + 2, start],
        pad_token_id=start,
    )
    output.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(output)
    save_processor(spec, build_tokenizer(spec), output)
    return model


def main() -> int:
    """Read the command line, build the folder, print one line of JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--output", required=True, type=Path, help="model folder to write")
    parser.add_argument("--seed", default=0, type=int)
    args = parser.parse_args()
    output: Path = args.output.absolute()
    try:
        spec: Spec = json.load(sys.stdin)
        # What the libraries print on import must not stand before the line of JSON.
        with contextlib.redirect_stdout(sys.stderr):
            model = build(spec, output, args.seed)
    except (ImportError, OSError, ValueError, KeyError, AttributeError) as error:
        print(f"tiny_model: {error}".splitlines()[0], file=sys.stderr)
        return 1
    summary = {"model": str(output), "family": spec["family"], "parameters": model.num_parameters()}
    print(json.dumps(summary))
    return 0


if __name__ == "__main__":
    sys.exit(main())
