"""Qwen's published vocabulary, where this machine has it.

The wheel `dashscope` (Apache-2.0) carries it as a file; `pip install --no-deps dashscope` is
enough, for nothing of it is imported. QWEN_TIKTOKEN may name such a file instead.
"""

from __future__ import annotations

import base64
import importlib.util
import json
import os
from pathlib import Path


def vocabulary_file() -> Path | None:
    """The file of ranks; None where there is none."""
    if "QWEN_TIKTOKEN" in os.environ:
        return Path(os.environ["QWEN_TIKTOKEN"])
    spec = importlib.util.find_spec("dashscope")
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / "resources" / "qwen.tiktoken"


def give_vocabulary(tokenizer: Path, ranks_file: Path) -> None:
    """Puts the vocabulary and its merges into a tokenizer.json of Qwen's form."""
    lines = (line.split() for line in ranks_file.read_bytes().splitlines() if line)
    ranks = {base64.b64decode(token): int(rank) for token, rank in lines}
    characters = _byte_characters()

    def written(token: bytes) -> str:
        return "".join(characters[byte] for byte in token)

    in_order = sorted(ranks, key=ranks.__getitem__)
    document = json.loads(tokenizer.read_text())
    document["model"]["vocab"] = {written(token): ranks[token] for token in in_order}
    document["model"]["merges"] = [
        [written(half) for half in _halves(ranks, token)] for token in in_order if len(token) > 1
    ]
    tokenizer.write_text(json.dumps(document, ensure_ascii=False))


def _halves(ranks: dict[bytes, int], token: bytes) -> list[bytes]:
    """The two tokens that were merged into this one."""
    parts = [token[place : place + 1] for place in range(len(token))]
    while len(parts) > 2:
        pairs = [parts[place] + parts[place + 1] for place in range(len(parts) - 1)]
        best = min(range(len(pairs)), key=lambda place: ranks.get(pairs[place], len(ranks)))
        parts[best : best + 2] = [pairs[best]]
    return parts


def _byte_characters() -> dict[int, str]:
    """The character that stands for each byte in a byte-level vocabulary."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in plain]
    return {byte: chr(byte) for byte in plain} | {
        byte: chr(256 + number) for number, byte in enumerate(others)
    }
