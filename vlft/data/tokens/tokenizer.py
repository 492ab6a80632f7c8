"""The tokenizer of a model, as far as numbers of tokens go: its files, its form, how it counts."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from vlft.errors import VlftError
from vlft.files import load_json

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence, Sized
    from pathlib import Path

    Encode = Callable[[list[str]], Sequence[Sized]]

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


class TokenizerForm(Struct, frozen=True):
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
        self._encode: Encode = partial(tokenizer.encode_batch_fast, add_special_tokens=False)
        self._document = document if form.like_qwen else None
        self._asked = 0

    def count(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text: special tokens in it are special, none is added.

        Equal texts are looked at once.
        """
        known = dict.fromkeys(texts, 0)
        self._asked += len(known)
        if self._document is not None and self._asked > SLOW_TEXTS:
            self._encode = _fast(self._document) or self._encode
            self._document = None
        counts = map(len, self._encode(list(known)))
        known = dict(zip(known, counts, strict=True))
        return [known[text] for text in texts]


def _fast(document: bytes) -> Encode | None:
    """fastokens, if it is installed and takes this tokenizer."""
    try:
        from fastokens import Tokenizer  # noqa: PLC0415 - not for few texts
    except ImportError:
        return None
    try:
        encode: Encode = Tokenizer.from_json_str(document.decode()).encode_batch
    except ValueError:
        return None
    return encode


def _around(tokenizer: Any) -> tuple[int, int]:
    bare = tokenizer.encode("a", add_special_tokens=False).ids
    whole = tokenizer.encode("a").ids
    if len(bare) != 1 or bare[0] not in whole:
        return 0, 0
    place = whole.index(bare[0])
    return place, len(whole) - place - 1


_OLD_FILES = ("vocab.json", "merges.txt", "tokenizer_config.json")
_QWEN = ("Qwen2Tokenizer", "Qwen2TokenizerFast")


def tokenizer_document(folder: Path) -> bytes:
    """The content of tokenizer.json, or what it would be.

    Releases of InternVL have only the older files; transformers builds Qwen's tokenizer from
    them, and so does this.

    Raises:
        VlftError: If there is neither.
    """
    file = folder / "tokenizer.json"
    if file.is_file():
        return file.read_bytes()
    if not all((folder / name).is_file() for name in _OLD_FILES):
        raise VlftError(f"`{folder}` has no tokenizer.json", "download it with the model")
    config = load_json(folder / "tokenizer_config.json")
    kind = config.get("tokenizer_class")
    if kind not in _QWEN:
        raise VlftError(f"`{folder}` has no tokenizer.json, and its tokenizer is a {kind}")
    return _built(folder, config)


def end_of_sequence(folder: Path) -> str:
    """The eos_token of tokenizer_config.json.

    Raises:
        VlftError: If there is none.
    """
    file = folder / "tokenizer_config.json"
    value = load_json(file).get("eos_token") if file.is_file() else None
    if isinstance(value, dict):
        value = value.get("content")
    if not isinstance(value, str) or not value:
        raise VlftError(f"tokenizer_config.json in `{folder}` names no eos_token")
    return value


def _built(folder: Path, config: dict[str, Any]) -> bytes:
    vocabulary = load_json(folder / "vocab.json")
    lines = (folder / "merges.txt").read_text(encoding="utf-8").splitlines()
    merges = [line for line in lines if line and not line.startswith("#version")]
    added = config.get("added_tokens_decoder") or {}
    split = {"type": "Split", "pattern": {"Regex": WORDS}, "behavior": "Isolated", "invert": False}
    to_bytes = {
        "type": "ByteLevel",
        "add_prefix_space": False,
        "trim_offsets": False,
        "use_regex": False,
    }
    document = {
        "version": "1.0",
        "added_tokens": [{"id": int(number), **token} for number, token in added.items()],
        "normalizer": {"type": "NFC"},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [split, to_bytes]},
        "post_processor": None,
        "decoder": None,
        "model": {
            "type": "BPE",
            "vocab": vocabulary,
            "merges": merges,
            "continuing_subword_prefix": "",
            "end_of_word_suffix": "",
            "fuse_unk": False,
            "byte_fallback": False,
        },
    }
    return json.dumps(document).encode()
