"""DeepSpeed's settings: of a preset of ms-swift, or of the JSON file that a config names."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from msgspec import Struct, field

from vlft.errors import VlftError
from vlft.files import load_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ZERO_PRESETS = ("zero0", "zero1", "zero2", "zero3", "zero2_offload", "zero3_offload")
"""Names that `--deepspeed` knows (swift/arguments/sft_args.py)."""

# Keys that transformers holds against its own arguments (integrations/deepspeed.py).
_COMPARED = (
    "train_micro_batch_size_per_gpu",
    "gradient_accumulation_steps",
    "train_batch_size",
    "gradient_clipping",
    "optimizer.params.lr",
    "optimizer.params.weight_decay",
    "scheduler.params.warmup_max_lr",
    "fp16.enabled",
    "bf16.enabled",
)

_BATCHES = ("train_batch_size", "train_micro_batch_size_per_gpu")


class Deepspeed(Struct, frozen=True):
    """What DeepSpeed is told.

    Attributes:
        stage: ZeRO stage, 0 to 3; None if the file says none.
        offload: Whether the optimizer or the weights are kept in main memory.
        sharded: Whether there is a `zero_optimization` at all.
        fixed: Dotted key → value, of those that transformers compares with its own
            arguments and that are not `auto`.
        empty: Whether the file holds no setting.
        batched: Whether it has a batch size, be it `auto`.
        problem: Why the file can't be used; None if it can, and for a preset.
    """

    stage: int | None = None
    offload: bool = False
    sharded: bool = False
    fixed: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
    empty: bool = False
    batched: bool = True
    problem: VlftError | None = None


def preset(name: str) -> Deepspeed | None:
    """The settings of one of ms-swift's own files; None if it has none of that name."""
    if name not in ZERO_PRESETS:
        return None
    return Deepspeed(stage=int(name[4]), offload=name.endswith("_offload"), sharded=True)


def read_deepspeed(file: Path) -> Deepspeed:
    """The settings of a JSON file; `problem` says what is wrong with it."""
    try:
        settings = load_json(file)
    except VlftError as error:
        hint = "write JSON: double quotes, no comments, no comma before a closing bracket"
        return Deepspeed(problem=VlftError(error.message, hint))
    zero = settings.get("zero_optimization")
    zero = zero if isinstance(zero, dict) else {}
    stage = zero.get("stage", 0) if zero else None
    return Deepspeed(
        stage=stage if type(stage) is int else None,
        offload=_offloads(zero.get("offload_optimizer")) or _offloads(zero.get("offload_param")),
        sharded="zero_optimization" in settings,
        fixed=MappingProxyType(_fixed(settings)),
        empty=not settings,
        batched=any(settings.get(key) is not None for key in _BATCHES),
    )


def _fixed(settings: Mapping[str, object]) -> dict[str, object]:
    fixed: dict[str, object] = {}
    for key in _COMPARED:
        value: object = settings
        for part in key.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        if value is not None and value != "auto":
            fixed[key] = value
    return fixed


def _offloads(value: object) -> bool:
    return isinstance(value, dict) and value.get("device") in {"cpu", "nvme"}
