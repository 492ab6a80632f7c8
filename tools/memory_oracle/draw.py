# ruff: noqa: PLR2004  # shares of the points
"""Random points for the oracle: models × settings that people train with, from a seed."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def draw(
    models: Mapping[str, Mapping[str, Any]], count: int, seed: int, *, extended: bool
) -> list[dict[str, Any]]:
    """Points with the keys of docs/memory.md.

    Args:
        models: Folder → its config.json.
        count: How many.
        seed: The same seed gives the same points.
        extended: Whether to draw attention kernels, DoRA, quantised weights, padding, packing.
    """
    source = random.Random(seed)  # noqa: S311
    names = sorted(models)
    return [_point(source, name, models[name], extended=extended) for name in _cycle(names, count)]


def _cycle(names: list[str], count: int) -> list[str]:
    return [names[index % len(names)] for index in range(count)]


def _point(
    source: random.Random, folder: str, config: Mapping[str, Any], *, extended: bool
) -> dict[str, Any]:
    picture = _picture(source, str(config["model_type"]))
    rows = source.choice((1, 1, 1, 2, 2, 3, 4, 6, 8))
    text = source.choice((48, 100, 256, 400, 777, 1024, 2000, 3000))
    text = max(32, text // rows)
    tokens = text + picture["vis_tokens"]
    lora = source.random() < 0.75
    checkpointing = source.random() < 0.6
    point = {
        "model_dir": folder,
        "batch": rows,
        "seq": tokens,
        "text": text,
        **picture,
        "ckpt": checkpointing,
        "vit_ckpt": source.choice((checkpointing, checkpointing, not checkpointing)),
        "lora": lora,
        "rank": source.choice((4, 8, 8, 16, 32, 64, 128)),
        "dropout": source.choice((0.05, 0.05, 0.0, 0.1)),
        "freeze_vit": source.random() < 0.7,
        "freeze_aligner": source.random() < 0.7,
        "n_logits": source.choice((None, 16, text // 4 + 1, text // 2 + 1)),
        "ga": source.choice((1, 1, 2)),
        "lora_dtype": source.choice((None, None, "bfloat16")),
    }
    return point | _extension(source, point) if extended else point


def _picture(source: random.Random, kind: str) -> dict[str, Any]:
    """A picture a row: a grid of patches for Qwen, tiles of 448 pixels for InternVL."""
    if kind == "internvl":
        tiles = source.choice((1, 1, 3, 5, 7, 9, 13))
        return {"vis_tokens": 256 * tiles, "patches": 1025 * tiles, "grid": None, "tiles": tiles}
    height, width = (2 * source.randint(4, 50) for _ in range(2))
    patches = height * width
    return {"vis_tokens": patches // 4, "patches": patches, "grid": [height, width], "tiles": 0}


def _extension(source: random.Random, point: Mapping[str, Any]) -> dict[str, Any]:
    attention = source.choice(("flash", "sdpa", "sdpa", "eager"))
    more: dict[str, Any] = {"attn": attention}
    if attention == "flash":
        more["packed"] = source.random() < 0.5
    elif point["batch"] > 1:
        more["padding"] = source.random() < 0.7
    if point["lora"]:
        more["quant_bits"] = source.choice((None, None, 4, 8))
        more["dora"] = more["quant_bits"] is None and source.random() < 0.4
    return more
