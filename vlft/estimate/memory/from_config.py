"""From a config to the step whose memory is estimated."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from vlft.estimate.memory.liger import uses_logits_to_keep
from vlft.estimate.memory.parameters import count
from vlft.estimate.memory.states import plain_states
from vlft.estimate.memory.step_spec import Attention, Optimizer, Picture, RunShape, Sharding
from vlft.models.vision import SizeError
from vlft.resolve.pass_through import flag, given_flag, is_off, number, word
from vlft.resolve.precision import resolve_precision

if TYPE_CHECKING:
    from vlft.config.reader import LoadedConfig
    from vlft.config.schema import Config
    from vlft.estimate.memory.states import Plain
    from vlft.models.architecture import ModelShape
    from vlft.models.limits import PixelLimits
    from vlft.models.vision import Vision
    from vlft.probe.collect import Facts
    from vlft.resolve.batch import Batch
    from vlft.resolve.world import World

ASSUMED_TEXT = 512
"""Text tokens of a row where neither the data nor `data.max_length` says anything."""

_NEW_TRANSFORMERS = 5

_EDGE = 8192
"""Side of a picture, in pixels, that is larger than every limit."""

_TUNERS = ("lora", "full")

_OPTIMIZERS: dict[str, Optimizer] = {
    "adamw_bnb_8bit": "adamw_8bit",
    "adamw_8bit": "adamw_8bit",
    "paged_adamw_8bit": "adamw_8bit",
    "sgd": "sgd",
}


@dataclass(frozen=True, slots=True)
class RowSize:
    """The row that a step's memory is estimated for.

    Attributes:
        tokens: All of it, placeholders of pictures included.
        vision: Placeholders of pictures.
        measured: Whether it comes from the data; else from the limits alone.
    """

    tokens: int
    vision: int
    measured: bool = False

    @property
    def text(self) -> int:
        """Tokens beside the pictures'."""
        return self.tokens - self.vision


def largest_row(config: Config, vision: Vision | None, limits: PixelLimits) -> RowSize:
    """The largest row that the limits let through: one picture and the text around it."""
    length = config.data.max_length
    picture = 0 if vision is None else largest_picture(vision, limits)
    if length is None:
        return RowSize(picture + ASSUMED_TEXT, picture)
    return RowSize(length, min(picture, max(0, length - 32)))


def largest_picture(vision: Vision, limits: PixelLimits) -> int:
    """Most placeholders that one picture can come to under the limits."""
    most = 0
    sides = range(1, max(limits.max_num, 1) + 1)
    shapes = {(columns, limits.max_num // columns) for columns in sides} | {(1, 1)}
    for columns, rows in shapes:
        try:
            most = max(most, vision.image_tokens(columns * _EDGE, rows * _EDGE, limits))
        except SizeError:
            continue
    return most


def run_shape(
    loaded: LoadedConfig,
    facts: Facts,
    world: World,
    batch: Batch,
    model: ModelShape,
    row: RowSize,
) -> RunShape | None:
    """One step of the run on one GPU; None where the estimate does not hold.

    Args:
        loaded: The config.
        facts: What was read for it.
        world: Its processes.
        batch: Its batch.
        model: Sizes of the model.
        row: Every row of the batch is taken to be like this one.

    Returns:
        None for a run on a CPU, in float32, or with a tuner other than LoRA and full.
    """
    config = loaded.config
    precision = resolve_precision(config, facts.model.checkpoint, world)
    if world.cpu or precision.weights == "float32" or config.tuner not in _TUNERS:
        return None
    few = keeps_few_logits(config, facts, batch)
    shape = _step(config, batch.per_device, model, row, keeps_few_logits=few)
    stage = facts.deepspeed.stage if facts.deepspeed is not None else None
    offload = facts.deepspeed is not None and facts.deepspeed.offload
    checkpointing = config.train.gradient_checkpointing is not False
    return replace(
        _with_tuner(shape, config),
        gradient_checkpointing=checkpointing,
        vit_gradient_checkpointing=flag(config, "vit_gradient_checkpointing")
        or (checkpointing and not is_off(config, "vit_gradient_checkpointing")),
        attention=_attention(config),
        liger=flag(config, "use_liger_kernel"),
        accumulating=(batch.gradient_accumulation_steps or 1) > 1,
        optimizer=_OPTIMIZERS.get(word(config, "optim") or "", "adamw"),
        sharding=_sharding(config, stage),
        offload_optimizer=offload,
        offload_parameters=offload and stage == 3,  # noqa: PLR2004 - ZeRO's third stage
        world_size=world.world_size or 1,
        sequence_parallel=batch.sequence_parallel_size,
    )


def keeps_few_logits(config: Config, facts: Facts, batch: Batch) -> bool:
    """Whether the run computes no logits but those that the loss needs."""
    kind = str((facts.model.sizes or {}).get("model_type"))
    return uses_logits_to_keep(
        given_flag(config, "use_logits_to_keep"),
        _transformers(facts),
        batch.sequence_parallel_size,
        liger=kind if flag(config, "use_liger_kernel") else None,
    )


def model_states(config: Config, model: ModelShape) -> Plain | None:
    """The model, its adapters and what is trained, wherever it runs.

    Returns:
        None for a tuner other than LoRA and full.
    """
    if config.tuner not in _TUNERS:
        return None
    return plain_states(count(model), _with_tuner(RunShape(tokens=1), config))


def _step(
    config: Config, per_device: int, model: ModelShape, row: RowSize, *, keeps_few_logits: bool
) -> RunShape:
    """Rows, tokens and pictures of a forward pass."""
    tokens, vision, rows = row.tokens, row.vision, per_device
    joined = flag(config, "packing") or flag(config, "padding_free")
    if flag(config, "packing"):
        length = number(config, "packing_length") or config.data.max_length or tokens
        vision = int(vision * length / max(tokens, 1))
        tokens = int(length)
    picture = pictures_of(vision, model)
    if joined:
        tokens, vision, rows, picture = tokens * rows, vision * rows, 1, picture * rows
    else:
        vision, picture = vision * rows, picture * rows
    # What comes before the answer is taken to be the pictures alone.
    kept = rows * tokens - vision if keeps_few_logits else None
    return RunShape(
        tokens=tokens,
        rows=rows,
        vision_tokens=vision,
        pictures=picture,
        logits=kept,
        padded=rows > 1,
    )


def pictures_of(vision: int, model: ModelShape) -> tuple[Picture, ...]:
    """Pictures that come to so many placeholders: one near a square, or tiles."""
    if not vision:
        return ()
    tile = model.vision.tile_patches
    if tile:
        placeholders = (tile - 1) // model.vision.merge
        return (Picture(1, tile),) * max(1, round(vision / placeholders))
    high = next(side for side in range(math.isqrt(vision), 0, -1) if vision % side == 0)
    merged = math.isqrt(model.vision.merge)
    return (Picture(high * merged, vision // high * merged),)


def _with_tuner(shape: RunShape, config: Config) -> RunShape:
    """What is trained."""
    shape = replace(
        shape,
        freeze_llm=config.model.freeze_llm is True,
        freeze_vit=config.model.freeze_vit is not False,
        freeze_aligner=config.model.freeze_aligner is not False,
    )
    if config.tuner == "full":
        return replace(shape, lora=False)
    lora = config.lora
    return replace(
        shape,
        lora=True,
        rank=(lora.rank if lora else None) or 8,
        dropout=lora.dropout if lora is not None and lora.dropout is not None else 0.05,
        lora_width=2 if word(config, "lora_dtype") in ("float16", "bfloat16") else 4,
        dora=flag(config, "use_dora"),
        quant_bits=config.quant.bits if config.quant is not None else None,
    )


def _transformers(facts: Facts) -> int:
    """Major release; that of a new installation where none is known."""
    packages = facts.interpreter.packages if facts.interpreter is not None else {}
    major = packages.get("transformers", "").partition(".")[0]
    return int(major) if major.isdecimal() else _NEW_TRANSFORMERS


def _attention(config: Config) -> Attention:
    name = config.model.attn_impl or ""
    if name.startswith("flash"):
        return "flash"
    return "eager" if name == "eager" else "sdpa"


def _sharding(config: Config, stage: int | None) -> Sharding:
    if config.swift.get("fsdp") is not None:
        return "fsdp2"
    stages: dict[int | None, Sharding] = {0: "zero0", 1: "zero1", 2: "zero2", 3: "zero3"}
    return stages.get(stage, "none")
