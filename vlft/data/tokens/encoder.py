"""The tokenizer of a model, as far as numbers of tokens go, and what is known of its form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from vlft.errors import VlftError

if TYPE_CHECKING:
    from collections.abc import Sequence


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


SLOW_TEXTS = 12_000
"""Texts after which fastokens, nine times as fast, has won back the second it takes to load."""


class Encoder:
    """Counts with the library that is the fastest for so many texts.

    fastokens gave the same ids on 40,000 real and adversarial texts for tokenizers of Qwen's
    form; others, and those that it can't load, stay with `tokenizers`.

    Args:
        document: The content of a tokenizer.json.
        name: How messages call it.

    Attributes:
        around: How many tokens it puts before and after a text by itself.

    Raises:
        VlftError: If it is no tokenizer whose tokens can be counted, or no library for it is
            installed.
    """

    def __init__(self, document: bytes, name: str) -> None:
        form = tokenizer_form(document)
        if not form.byte_level:
            raise VlftError(f"`{name}` is no byte-level tokenizer as Qwen's is")
        try:
            from tokenizers import Tokenizer  # noqa: PLC0415 - an extra, and 46 ms
        except ImportError:
            hint = "pip install 'vlft[data]'"
            raise VlftError("the tokenizers library is not installed", hint) from None
        try:
            tokenizer = Tokenizer.from_buffer(document)
        except Exception as error:  # noqa: BLE001 - the library raises nothing narrower
            raise VlftError(f"`{name}` is no tokenizer: {error}") from None
        self.around = _around(tokenizer)
        self._counter: _Counter = _HfCounter(tokenizer)
        self._document = document if form.like_qwen else None
        self._asked = 0

    def count(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text: special tokens in it are special, none is added.

        Equal texts are looked at once.
        """
        known = dict.fromkeys(texts, 0)
        self._asked += len(known)
        if self._document is not None and self._asked > SLOW_TEXTS:
            self._counter = _fast(self._document) or self._counter
            self._document = None
        known = dict(zip(known, self._counter.count(list(known)), strict=True))
        return [known[text] for text in texts]


class _Counter(Protocol):
    def count(self, texts: list[str]) -> list[int]: ...


class _HfCounter:
    """The tokenizers library, which transformers itself uses."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer

    def count(self, texts: list[str]) -> list[int]:
        encoded = self._tokenizer.encode_batch_fast(texts, add_special_tokens=False)
        return [len(one) for one in encoded]


class _FastCounter:
    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer

    def count(self, texts: list[str]) -> list[int]:
        return [len(one) for one in self._tokenizer.encode_batch(texts)]


def _fast(document: bytes) -> _Counter | None:
    """fastokens, if it is installed and takes this tokenizer."""
    try:
        from fastokens import Tokenizer  # noqa: PLC0415 - not for few texts
    except ImportError:
        return None
    try:
        return _FastCounter(Tokenizer.from_json_str(document.decode()))
    except ValueError:
        return None


def _around(tokenizer: Any) -> tuple[int, int]:
    bare = tokenizer.encode("a", add_special_tokens=False).ids
    whole = tokenizer.encode("a").ids
    if len(bare) != 1 or bare[0] not in whole:
        return 0, 0
    place = whole.index(bare[0])
    return place, len(whole) - place - 1
