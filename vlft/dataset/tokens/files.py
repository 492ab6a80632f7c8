"""The tokenizer's files in a model folder."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from vlft.dataset.tokens.proven import WORDS
from vlft.errors import VlftError
from vlft.facts.json_file import read_json

if TYPE_CHECKING:
    from pathlib import Path

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
    config = read_json(folder / "tokenizer_config.json")
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
    value = read_json(file).get("eos_token") if file.is_file() else None
    if isinstance(value, dict):
        value = value.get("content")
    if not isinstance(value, str) or not value:
        raise VlftError(f"tokenizer_config.json in `{folder}` names no eos_token")
    return value


def _built(folder: Path, config: dict[str, Any]) -> bytes:
    vocabulary = read_json(folder / "vocab.json")
    lines = (folder / "merges.txt").read_text(encoding="utf-8").splitlines()
    merges = [line for line in lines if line and not line.startswith("#version")]
    added = config.get("added_tokens_decoder") or {}
    model = {"type": "BPE", "vocab": vocabulary, "merges": merges}
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
            **model,
            "continuing_subword_prefix": "",
            "end_of_word_suffix": "",
            "fuse_unk": False,
            "byte_fallback": False,
        },
    }
    return json.dumps(document).encode()
