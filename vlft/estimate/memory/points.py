"""Rows of an oracle's points and the estimate of each: `vlft plan --from POINTS.jsonl`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from vlft.errors import UsageError, VlftError
from vlft.estimate.memory.estimate import estimate
from vlft.estimate.memory.step_spec import Picture, RunShape
from vlft.files import load_json
from vlft.models import shape_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from vlft.models.architecture import ModelShape

    Row = Mapping[str, Any]


def estimate_points(rows: Iterable[Row]) -> list[dict[str, int]]:
    """The estimate of each point.

    Args:
        rows: The keys of docs/memory.md and `model_dir`, a folder with a config.json.

    Returns:
        `allocated_peak` in bytes, `parameters` and `trainable_parameters`, in the rows' order.

    Raises:
        UsageError: If a row lacks a key, has a value of another kind, or its model is unknown.
        VlftError: If a config.json can't be read.
    """
    shapes: dict[str, ModelShape] = {}
    return [_estimate(number, row, shapes) for number, row in enumerate(rows, 1)]


def _estimate(number: int, row: Row, shapes: dict[str, ModelShape]) -> dict[str, int]:
    try:
        shape = _shape(row["model_dir"], shapes)
        shape = _with_tiles_of(row, shape)
        memory = estimate(shape, run_of(row, shape))
    except KeyError as error:
        raise UsageError(f"row {number} has no key {error}", "docs/memory.md lists them") from None
    except (TypeError, ValueError, AttributeError) as error:
        raise UsageError(
            f"row {number} has a value of another kind: {error}", "docs/memory.md lists the keys"
        ) from None
    return {
        "allocated_peak": memory.allocated_peak,
        "parameters": memory.parameters,
        "trainable_parameters": memory.trainable_parameters,
    }


def _shape(folder: str, shapes: dict[str, ModelShape]) -> ModelShape:
    if folder not in shapes:
        path = Path(folder) / "config.json"
        found = shape_of(load_json(path))
        if found is None:
            raise VlftError(
                f"`{path}` is of no model whose memory vlft knows",
                "Qwen2-VL, Qwen2.5-VL, Qwen3-VL and InternVL are known",
            )
        shapes[folder] = found
    return shapes[folder]


def _with_tiles_of(row: Row, model: ModelShape) -> ModelShape:
    """The model with the row's tiles, which may have another side than it was made for."""
    tiles, patches = row.get("tiles"), row.get("patches")
    if not tiles or not patches or not model.vision.tile_patches:
        return model
    tile = int(patches) // int(tiles)
    return replace(model, vision=replace(model.vision, tile_patches=tile))


def run_of(row: Row, model: ModelShape) -> RunShape:
    """The step that a point describes; every row of the batch has the same picture.

    Raises:
        KeyError, TypeError, ValueError: If a key is missing or of another kind.
    """
    rows, tokens = int(row["batch"]), int(row["seq"])
    packed = bool(row.get("packed"))
    kept = row["n_logits"]
    return RunShape(
        rows=1 if packed else rows,
        tokens=rows * tokens if packed else tokens,
        vision_tokens=rows * int(row["vis_tokens"]),
        pictures=_pictures(row, model) * rows,
        logits=None if kept is None else (1 if packed else rows) * int(kept),
        lora=bool(row["lora"]),
        rank=int(row["rank"]),
        dropout=float(row["dropout"]),
        lora_width=2 if row["lora_dtype"] in {"bfloat16", "float16"} else 4,
        dora=bool(row.get("dora")),
        quant_bits=row.get("quant_bits"),
        freeze_llm=bool(row.get("freeze_llm")),
        freeze_vit=bool(row["freeze_vit"]),
        freeze_aligner=bool(row["freeze_aligner"]),
        gradient_checkpointing=bool(row["ckpt"]),
        vit_gradient_checkpointing=bool(row["vit_ckpt"]),
        attention=row.get("attn", "flash"),
        padded=bool(row.get("padding")),
        liger=bool(row.get("liger")),
        accumulating=int(row["ga"]) > 1,
    )


def _pictures(row: Row, model: ModelShape) -> tuple[Picture, ...]:
    if model.vision.tile_patches:
        return (Picture(1, model.vision.tile_patches),) * int(row["tiles"])
    if not row["patches"]:
        return ()
    height, width = row["grid"]
    return (Picture(int(height), int(width)),)
