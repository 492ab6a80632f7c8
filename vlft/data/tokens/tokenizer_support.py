"""The form of a tokenizer: what is known to hold for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""Where Qwen2, Qwen2.5, Qwen3 and InternVL's releases on top of them cut a text first."""


class _Model(msgspec.Struct):
    type: str | None = None
    dropout: float | None = None
    unk_token: str | None = None
    continuing_subword_prefix: str | None = None
    end_of_word_suffix: str | None = None
    byte_fallback: bool = False
    ignore_merges: bool = False


class _Added(msgspec.Struct):
    single_word: bool
    lstrip: bool
    rstrip: bool
    normalized: bool


class _File(msgspec.Struct):
    model: _Model
    added_tokens: list[_Added]
    normalizer: dict[str, Any] | None = None
    pre_tokenizer: dict[str, Any] | None = None


@dataclass(frozen=True)
class TokenizerForm:
    """What kind of tokenizer a tokenizer.json is.

    Attributes:
        byte_level: Whether a token is at least a byte of the text, after composing it (NFC).
        like_qwen: Whether it is Qwen's but for its vocabulary and its added tokens.
    """

    byte_level: bool
    like_qwen: bool


def tokenizer_form(text: bytes) -> TokenizerForm:
    """The form of a tokenizer.json; neither for one that can't be read."""
    try:
        read = msgspec.json.decode(text, type=_File)
    except msgspec.DecodeError:
        return TokenizerForm(byte_level=False, like_qwen=False)
    plain = _Model(type="BPE", continuing_subword_prefix="", end_of_word_suffix="")
    model = read.model
    model.continuing_subword_prefix = model.continuing_subword_prefix or ""
    model.end_of_word_suffix = model.end_of_word_suffix or ""
    normalizer = (read.normalizer or {}).get("type")
    steps = (read.pre_tokenizer or {}).get("pretokenizers") or [read.pre_tokenizer or {}]
    byte_level = (
        model == plain
        and normalizer in {None, "NFC"}
        and steps[-1].get("type") == "ByteLevel"
        and not steps[-1].get("add_prefix_space")
    )
    flags = (
        flag
        for token in read.added_tokens
        for flag in (token.single_word, token.lstrip, token.rstrip, token.normalized)
    )
    like_qwen = byte_level and normalizer == "NFC" and _splits_like_qwen(steps)
    return TokenizerForm(byte_level, like_qwen and not any(flags))


def _splits_like_qwen(steps: list[dict[str, Any]]) -> bool:
    if len(steps) != 2:  # noqa: PLR2004
        return False
    split, to_bytes = steps
    return (
        split.get("type") == "Split"
        and split.get("pattern") == {"Regex": WORDS}
        and split.get("behavior") == "Isolated"
        and not split.get("invert")
        and not to_bytes.get("use_regex")
    )
