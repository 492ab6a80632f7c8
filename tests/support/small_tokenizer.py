"""A tokenizer of Qwen's form, small enough to be written in a test."""

from __future__ import annotations

from typing import Any

from vlft.data.tokens.tokenizer import WORDS

SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>"]
MERGES = ["Ġ t", "h e", "Ġt he", "i n", "Ċ Ċ", "u s", "us er", "e r", "a s"]


def byte_characters() -> list[str]:
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [chr(256 + n) for n in range(256 - len(plain))]
    return [*map(chr, plain), *others]


def tokenizer(**changes: Any) -> dict[str, Any]:
    """A tokenizer.json of Qwen's form: all bytes, a few merges, special tokens above them."""
    pieces = byte_characters() + ["".join(merge.split()) for merge in MERGES]
    pieces = [piece for piece in pieces if piece != "user"] + ["er", "user", *SPECIALS]
    vocabulary = {piece: number for number, piece in enumerate(dict.fromkeys(pieces))}
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    split = {"type": "Split", "pattern": {"Regex": WORDS}, "behavior": "Isolated", "invert": False}
    to_bytes = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    return {
        "version": "1.0",
        "added_tokens": [
            {"id": vocabulary[name], "content": name, "special": True, **flags} for name in SPECIALS
        ],
        "normalizer": {"type": "NFC"},
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [split, {**to_bytes, "use_regex": False}],
        },
        "post_processor": None,
        "decoder": None,
        "model": {
            "type": "BPE",
            "continuing_subword_prefix": "",
            "end_of_word_suffix": "",
            "vocab": vocabulary,
            "merges": MERGES,
        },
        **changes,
    }
