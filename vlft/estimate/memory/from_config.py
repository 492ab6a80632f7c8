"""From a config to the step whose memory is estimated."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from vlft.estimate.memory.states import Plain, count, plain_states
from vlft.estimate.memory.step_spec import Attention, Optimizer, Picture, RunShape, Sharding
from vlft.models import family_of, shape_of
from vlft.models.vision import SizeError, Vision
from vlft.swift.versions import release

if TYPE_CHECKING:
    from vlft.models.architecture import ModelShape
    from vlft.models.limits import PixelLimits
    from vlft.resolve import world as resolve
    from vlft.resolve.args import SwiftArgs
    from vlft.resolve.batch import Batch
    from vlft.resolve.run import RunSpec

ASSUMED_TEXT = 512
"""Text tokens of a row where neither the data nor `data.max_length` says anything."""

_SINCE = 5
"""Major release of transformers from which multimodal models keep only trained tokens."""

_EDGE = 8192
"""Side of a picture, in pixels, that is larger than every limit."""

_TUNERS = ("lora", "full")
_LORA_RANK, _LORA_DROPOUT = 8, 0.05  # of a release whose defaults are not known

_OPTIMIZERS: dict[str, Optimizer] = {
    "adamw_bnb_8bit": "adamw_8bit",
    "adamw_8bit": "adamw_8bit",
    "paged_adamw_8bit": "adamw_8bit",
    "sgd": "sgd",
}


class RowSize(Struct, frozen=True):
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


def sized_model(run: RunSpec) -> ModelShape | None:
    """Sizes of the run's model, with the tiles that the run cuts.

    Returns:
        None where a size is missing, or a limit on pictures is not a number.
    """
    sizes, vision = run.facts.model.sizes, run.model.vision
    model = None if sizes is None else shape_of(sizes)
    if model is None or run.limits.problems:
        return None
    shape = model.vision
    if vision is None or not shape.tile_patches:
        return model
    try:
        # So small a picture is one tile; INPUT_SIZE may ask for another than the model's.
        tokens = vision.image_tokens(1, 1, run.limits.pixels)
    except SizeError:
        return model
    return replace(model, vision=replace(shape, tile_patches=tokens * shape.merge + 1))


def largest_row(run: RunSpec) -> RowSize:
    """The largest row that the limits let through: one image and the text around it.

    Where no length is written down, no row is taken to be as long as the model allows.
    """
    length, vision = run.args.given("max_length", int), run.model.vision
    image = 0 if vision is None else largest_picture(vision, run.limits.pixels)
    if length is None:
        most = run.row_length
        length = image + ASSUMED_TEXT if most is None else min(image + ASSUMED_TEXT, most)
    return RowSize(length, min(image, max(0, length - 32)))


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


def step_of_run(run: RunSpec, batch: Batch, model: ModelShape, row: RowSize) -> RunShape | None:
    """One step of the run on one GPU; None where the estimate does not hold.

    Args:
        run: The run.
        batch: Its batch.
        model: Sizes of the model.
        row: Every row of the batch is taken to be like this one.

    Returns:
        None for a run on a CPU, in float32, or with a tuner other than LoRA and full.
    """
    args, world, sharding = run.args, run.world, run.sharding
    if world.cpu or run.precision.weights == "float32" or run.config.tuner not in _TUNERS:
        return None
    packing = args.flag("packing")
    if packing:
        length = int(args.get("packing_length", int) or row.tokens)
        row = RowSize(length, int(row.vision * length / max(row.tokens, 1)))
    shape = RunShape(
        tokens=row.tokens,
        logits=0 if keeps_few_logits(run, batch) else None,
        # What only the trainer knows is estimated for ms-swift's usual default: it is on.
        gradient_checkpointing=not args.is_off("gradient_checkpointing"),
        vit_gradient_checkpointing=not args.is_off("vit_gradient_checkpointing"),
        attention=_attention(args),
        liger=args.flag("use_liger_kernel"),
        accumulating=(batch.gradient_accumulation_steps or 1) > 1,
        optimizer=_OPTIMIZERS.get(args.get("optim", str) or "", "adamw"),
        sharding=_sharding(sharding),
        offload_optimizer=sharding.offload,
        offload_parameters=sharding.offload and sharding.is_zero3,
        world_size=world.world_size or 1,
        sequence_parallel=batch.sequence_parallel_size,
    )
    shape = with_rows(_with_tuner(shape, args), row, batch.per_device, model)
    if packing or args.flag("padding_free"):  # all rows are one
        shape = replace(shape, rows=1, tokens=shape.rows * shape.tokens, padded=False)
    return shape


def with_rows(shape: RunShape, row: RowSize, rows: int, model: ModelShape) -> RunShape:
    """The same step with so many rows like this one.

    What comes before the answer, and has no logits, is taken to be the pictures alone.
    """
    return replace(
        shape,
        rows=rows,
        tokens=row.tokens,
        vision_tokens=rows * row.vision,
        pictures=pictures_of(row.vision, model) * rows,
        logits=None if shape.logits is None else rows * row.text,
        padded=rows > 1,
    )


def keeps_few_logits(run: RunSpec, batch: Batch) -> bool:
    """Whether the run computes no logits but those that the loss needs.

    ms-swift 4.6: trainers/mixin.py: get_ and prepare_logits_to_keep.
    """
    interpreter = run.facts.interpreter
    packages = interpreter.packages if interpreter is not None else {}
    major = next(iter(release(packages.get("transformers", ""))), _SINCE)
    kind = str((run.facts.model.sizes or {}).get("model_type"))
    return uses_logits_to_keep(
        run.args.get("use_logits_to_keep", bool),
        major,
        batch.sequence_parallel_size,
        liger=kind if run.args.flag("use_liger_kernel") else None,
    )


def model_states(run: RunSpec, model: ModelShape) -> Plain | None:
    """The model, its adapters and what is trained, wherever it runs.

    Returns:
        None for a tuner other than LoRA and full.
    """
    if run.config.tuner not in _TUNERS:
        return None
    return plain_states(count(model), _with_tuner(RunShape(tokens=1), run.args))


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


def _with_tuner(shape: RunShape, args: SwiftArgs) -> RunShape:
    """What is trained."""
    shape = replace(
        shape,
        freeze_llm=args.flag("freeze_llm"),
        freeze_vit=not args.is_off("freeze_vit"),
        freeze_aligner=not args.is_off("freeze_aligner"),
    )
    if args.get("tuner_type", str) == "full":
        return replace(shape, lora=False)
    dropout = args.get("lora_dropout", float)
    return replace(
        shape,
        lora=True,
        rank=args.get("lora_rank", int) or _LORA_RANK,
        dropout=_LORA_DROPOUT if dropout is None else dropout,
        lora_width=2 if args.get("lora_dtype", str) in {"float16", "bfloat16"} else 4,
        dora=args.flag("use_dora"),
        quant_bits=args.get("quant_bits", int),
    )


def _attention(args: SwiftArgs) -> Attention:
    name = args.get("attn_impl", str) or ""
    if name.startswith("flash"):
        return "flash"
    return "eager" if name == "eager" else "sdpa"


def _sharding(sharding: resolve.Sharding) -> Sharding:
    if sharding.fsdp is not None:
        return "fsdp2"
    stages: dict[int | None, Sharding] = {0: "zero0", 1: "zero1", 2: "zero2", 3: "zero3"}
    return stages.get(sharding.stage, "none")


def uses_logits_to_keep(
    given: bool | None,
    transformers_major: int,
    sequence_parallel: int,
    *,
    liger: str | None = None,
) -> bool:
    """Whether only the logits that the loss needs are computed.

    Args:
        given: `--use_logits_to_keep`; None if it is not given.
        transformers_major: Of the installed transformers.
        sequence_parallel: GPUs that share a row.
        liger: model_type of a model with Liger's kernels; None without them.
    """
    if given is not None:
        return given
    takes_it = liger is None or liger_keeps_few_logits(liger)
    return transformers_major >= _SINCE and sequence_parallel == 1 and takes_it


def liger_keeps_few_logits(model_type: str | None) -> bool:
    """Whether the forward by Liger of a model_type has the argument logits_to_keep."""
    family = family_of(model_type)
    return family is not None and family.liger is not None and family.liger.keeps_few_logits
